"""Processes of `tune-jobs`, and how they end before their time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TUNE_JOBS = [sys.executable, "-m", "tune_jobs"]
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
DEADLINE = 120.0  # seconds, for all that is waited for
DELAY_SECONDS = 0.3
START_SECONDS, START_WITH_RAY_SECONDS = 5.0, 9.0  # from a command to its first epoch, or so

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Moment:
    """When a driver is killed: ``seconds`` after its journal grew by ``lines``, or with none
    of them after its start.

    Attributes:
        power_cut: Ray goes down with it.
    """

    lines: int
    seconds: float
    power_cut: bool


def moments(rng: random.Random, kills: int, lines: int) -> list[Moment]:
    """As many as there are kills, for a run that records about so many ``lines``."""
    most = max(2, lines // (kills + 5))  # some are recorded in the seconds after that, too
    drawn = []
    for number in range(kills):
        power_cut, grown = number % 4 == 1, rng.randint(0, most)
        start = START_WITH_RAY_SECONDS if power_cut else START_SECONDS
        drawn.append(Moment(grown, rng.uniform(0, DELAY_SECONDS if grown else start), power_cut))
    return drawn


@contextmanager
def cluster(scratch: Path) -> Iterator[str]:
    """A Ray for many drivers; gives its address."""
    command = [*RAY, "start", "--head", "--block", "--port=0", "--node-ip-address=127.0.0.1"]
    size = ["--num-cpus=2", "--num-gpus=0", "--include-dashboard=false"]
    ray = _start([*command, *size], scratch)
    address = scratch / "ray" / "ray_current_cluster"
    try:
        wait(lambda: address.exists() or ray.poll() is not None)
        if ray.poll() is not None:
            raise RuntimeError(f"Ray did not start:\n{(scratch / 'output.txt').read_text()}")
        yield address.read_text().strip()
    finally:
        _kill(ray, power_cut=True)


def start(arguments: Sequence[str], scratch: Path, address: str | None) -> Process:
    """A driver on the Ray at this address, or on one of its own."""
    return _start([*TUNE_JOBS, *arguments], scratch, RAY_ADDRESS=address or "local")


def is_killed(driver: Process, moment: Moment, journal: Path) -> bool:
    """Kills a driver that was just started, at its moment; False if it was done before.

    Raises TimeoutError for one whose journal does not grow.
    """
    wanted = lines(journal) + moment.lines
    try:
        wait(lambda: driver.poll() is not None or lines(journal) >= wanted)
        driver.wait(moment.seconds)
    except subprocess.TimeoutExpired:
        return True
    finally:
        _kill(driver, moment.power_cut)
    return False


def wait(condition: Callable[[], bool]) -> None:
    """Returns when it holds. Raises TimeoutError."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing happened for {DEADLINE:.0f} s")
        time.sleep(0.01)


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _start(command: Sequence[str], scratch: Path, **settings: str) -> Process:
    """A process that says what it says in ``output.txt``."""
    own = {"RAY_TMPDIR": str(scratch), "RAY_AUTH_MODE": "disabled"}  # nobody else gets at it
    environment = {**os.environ, **own, **settings}
    with (scratch / "output.txt").open("a") as output:
        output.write(f"$ {' '.join(command)}\n")
        output.flush()
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def _kill(process: Process, power_cut: bool) -> None:
    """SIGKILL: to the process, if it is still there, or to it and all that it has started."""
    if process.poll() is not None:
        return
    for pid in _family(process.pid) if power_cut else [process.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(DEADLINE)


def _family(pid: int) -> list[int]:
    """A process, its children, theirs, and so on."""
    command = ["ps", "-eo", "pid=,ppid="]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found = [pid]
    for ancestor in found:  # which grows meanwhile
        found += [child for child, parent in parents if parent == ancestor]
    return found
