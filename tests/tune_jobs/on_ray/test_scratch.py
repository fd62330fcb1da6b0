"""What a driver leaves behind: nothing, and the next one clears up after one that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tune_jobs.on_ray import internals
from tune_jobs.on_ray.scratch import MARK, others_with_a_cluster, scratch

DEADLINE = 60.0

DRIVER = f"""
import subprocess, sys
from tune_jobs.on_ray.scratch import scratch

with scratch() as folder:
    (folder / "session").mkdir()
    environment = {{"{MARK}": str(folder)}}
    child = subprocess.Popen(["/bin/sleep", "1000"], env=environment, stdout=subprocess.DEVNULL)
    print(folder, child.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tj") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield Path(folder)


def driver() -> tuple[subprocess.Popen[str], Path, int]:
    """One that is at work, its folder, and a process that it started there."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    folder, child = process.stdout.readline().split()
    return process, Path(folder), int(child)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_driver_takes_its_folder_and_its_processes_with_it(temporary: Path) -> None:
    process, folder, child = driver()
    assert folder.is_dir()
    process.communicate(timeout=DEADLINE)
    assert not folder.exists()
    assert not is_alive(child)


def test_what_a_killed_driver_left_is_cleared_by_the_next(temporary: Path) -> None:
    process, folder, child = driver()
    process.kill()
    process.communicate(timeout=DEADLINE)
    assert (folder / "session").is_dir()
    assert is_alive(child)
    with scratch() as own:
        assert own != folder
        assert own.is_dir()
        assert not folder.exists()
        assert not is_alive(child)
    assert list(own.parent.iterdir()) == []


def test_a_driver_that_lives_is_left_alone(temporary: Path) -> None:
    process, folder, child = driver()
    with scratch(), scratch():
        pass
    assert (folder / "session").is_dir()
    assert is_alive(child)
    process.communicate(timeout=DEADLINE)


@pytest.mark.parametrize(("name", "ends"), [("ray::Agent", True), ("tail", False)])
def test_a_process_of_ray_is_known_by_its_logs_too(temporary: Path, name: str, ends: bool) -> None:
    """It renames itself, and with that damages what others can read of its environment."""
    with scratch() as folder, (folder / "log").open("w") as log:
        command = ["bash", "-c", f"exec -a {name} sleep 1000"]
        process = subprocess.Popen(command, stdout=log)
        wait_until(lambda: Path(f"/proc/{process.pid}/cmdline").read_text().startswith(name))
    assert is_alive(process.pid) is not ends
    process.kill()
    process.wait(DEADLINE)


def test_a_process_of_somebody_else_is_left_alone(temporary: Path) -> None:
    with scratch() as folder:
        environment = {**os.environ, MARK: f"{folder}-other"}
        other = subprocess.Popen(["/bin/sleep", "1000"], env=environment)
    assert other.poll() is None
    other.send_signal(signal.SIGKILL)
    other.wait(DEADLINE)


def test_where_sockets_would_have_too_long_a_name_it_is_in_the_usual_place(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = temporary / ("long" * 20)
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    with scratch() as folder:
        assert folder.parent.parent == Path("/tmp")
        assert len(os.fsencode(folder)) <= internals.LONGEST_TEMP_DIR


def test_other_clusters_on_this_machine_are_counted(tmp_path: Path) -> None:
    mine, joined, theirs = (tmp_path / name for name in ("mine", "joined", "theirs"))
    for folder in (mine, joined, theirs):
        folder.mkdir()
        (folder / "lock").touch()
    for folder in (mine, theirs):
        (folder / "session_2026").mkdir()
    (tmp_path / "without_a_lock" / "session_2026").mkdir(parents=True)
    assert others_with_a_cluster(mine) == 1
    assert others_with_a_cluster(joined) == 2
