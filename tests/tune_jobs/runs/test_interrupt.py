"""Signals, sent to processes that are at all kinds of things."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tune_jobs.runs.interrupt import ANSWER_SECONDS

DEADLINE = 60.0  # for what takes at most five seconds on a machine that has time for it

IN_NATIVE_CODE = "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"  # minutes, and no handler
SCRIPT = """
import hashlib, signal, sys, time
from pathlib import Path
from tune_jobs.runs.interrupt import Interrupt, before_exit, end_at_once_when_told

here, interrupt = Path(sys.argv[1]), Interrupt()

def wait_until(condition):
    while not condition():
        time.sleep(0.01)

def ready():
    (here / "ready").touch()

end_at_once_when_told()
"""


def started(folder: Path, script: str, *before: str) -> subprocess.Popen[str]:
    """A process at the end of its script's first part, which is to say ``ready``."""
    process = subprocess.Popen(
        [*before, sys.executable, "-c", SCRIPT + script, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + DEADLINE
    while not (folder / "ready").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it printed; nothing of it is an error."""
    out, err = process.communicate(timeout=DEADLINE)
    assert err == ""
    return process.returncode, out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("at", ["time.sleep(1000)", IN_NATIVE_CODE])
def test_a_command_ends_at_once_whatever_it_is_at(
    tmp_path: Path, number: signal.Signals, at: str
) -> None:
    last = "before_exit(lambda: (here / 'last').touch())"
    process = started(tmp_path, f"with {last}:\n    ready()\n    {at}")
    process.send_signal(number)
    assert ended(process) == (128 + number, "")
    assert (tmp_path / "last").exists()


def test_a_last_step_that_hangs_or_fails_keeps_nobody(tmp_path: Path) -> None:
    steps = "before_exit(lambda: time.sleep(1000)), before_exit(lambda: 1 / 0)"
    process = started(tmp_path, f"with {steps}:\n    ready()\n    time.sleep(1000)")
    process.terminate()
    assert ended(process) == (128 + signal.SIGTERM, "")


def test_the_first_signal_is_noted_while_something_is_at_work(tmp_path: Path) -> None:
    process = started(
        tmp_path,
        f"""
with interrupt.listening():
    ready()
    wait_until(lambda: interrupt.asked)
    time.sleep({ANSWER_SECONDS} + 1)
print(interrupt.name, interrupt.number)
""",
    )
    process.send_signal(signal.SIGINT)
    assert ended(process) == (0, f"SIGINT {int(signal.SIGINT)}\n")


@pytest.mark.parametrize(("at_work", "signals"), [(True, 2), (False, 1)])
def test_a_run_that_is_to_end_now_has_time_for_good_order(
    tmp_path: Path, at_work: bool, signals: int
) -> None:
    process = started(
        tmp_path,
        f"""
try:
    with interrupt.listening(lambda: {at_work}):
        ready()
        if {at_work}:
            wait_until(lambda: interrupt.asked)
            print("noted", flush=True)
        time.sleep(1000)
except KeyboardInterrupt:
    print("in good order")
""",
    )
    for _ in range(signals - 1):
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline() == "noted\n"
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    assert said.strip() == "in good order"
    assert code in (0, 128 + signal.SIGINT), "or its time was up while Python ended"


@pytest.mark.parametrize("stuck", ["time.sleep(1000)", IN_NATIVE_CODE])
def test_a_run_that_takes_too_long_for_it_is_ended(tmp_path: Path, stuck: str) -> None:
    process = started(
        tmp_path,
        f"""
try:
    with interrupt.listening(lambda: False):
        ready()
        {stuck if "pbkdf2" in stuck else "time.sleep(1000)"}
finally:
    {stuck}
""",
    )
    process.terminate()
    assert ended(process) == (128 + signal.SIGTERM, "")


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """As under nohup."""
    script = "ready()\nwait_until(lambda: (here / 'go').exists())\nprint('done')"
    ignore = "import signal, os, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    ignore += "os.execv(sys.argv[1], sys.argv[1:])"
    process = started(tmp_path, script, sys.executable, "-c", ignore)
    process.send_signal(signal.SIGHUP)
    (tmp_path / "go").touch()
    assert ended(process) == (0, "done\n")
