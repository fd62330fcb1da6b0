"""A folder of this driver alone, for what Ray insists on writing, which nobody reads later.

It is gone when the driver is, with the processes that were started for it. A driver that was
killed leaves it behind, and the next one clears it away: a lock tells whether its driver lives.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tune_jobs.on_ray.internals import LONGEST_TEMP_DIR, psutil, temporary_folder
from tune_jobs.runs.interrupt import before_exit

MARK = "TUNE_JOBS_SCRATCH"
"""In the environment of a process it names the folder that it was started for."""

_LOCK = "lock"


@contextmanager
def scratch() -> Iterator[Path]:
    """The folder, whose path is short enough for Ray's sockets."""
    parent = _parent()
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear_up_after_the_dead(parent)
    folder = Path(tempfile.mkdtemp(prefix="", dir=parent))
    lock = _locked(folder)
    try:
        with before_exit(lambda: remove(folder)):
            yield folder
    finally:
        remove(folder)
        lock.close()


def remove(folder: Path) -> None:
    """Ends what was started for the folder, and removes it."""
    _end_processes(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _parent() -> Path:
    name = f"tune-jobs-{os.getuid()}"
    parent = temporary_folder() / name
    random_part = "/01234567"
    fits = len(os.fsencode(parent)) + len(random_part) <= LONGEST_TEMP_DIR
    return parent if fits else Path("/tmp", name)


def _clear_up_after_the_dead(parent: Path) -> None:
    for lock in parent.glob(f"*/{_LOCK}"):
        try:
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(lock.parent)
        except OSError:  # its driver lives, or another one was faster
            continue


def _locked(folder: Path) -> IO[str]:
    """A lock in it, held from the moment when it is there."""
    unfinished = folder / f".{_LOCK}"
    file = unfinished.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    unfinished.rename(folder / _LOCK)
    return file


def _end_processes(folder: Path) -> None:
    """Kills what was started for the folder, and what that started; returns when it is gone."""
    deadline = time.monotonic() + 5
    while (found := _processes(folder)) and time.monotonic() < deadline:
        _each(found, psutil.Process.suspend)  # so that none starts another meanwhile
        _each(_processes(folder), psutil.Process.kill)
        psutil.wait_procs(found, timeout=1)


def _processes(folder: Path) -> list[psutil.Process]:
    """Those with the mark, and their descendants: a process that is about to become another
    program has no environment at that moment."""
    parents: dict[psutil.Process, int] = {}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            parents[process] = process.ppid()
            if process.environ().get(MARK) == str(folder):
                found[process.pid] = process
    count = 0
    while count < len(found):
        count = len(found)
        found |= {process.pid: process for process, above in parents.items() if above in found}
    return list(found.values())


def _each(processes: Iterable[psutil.Process], do: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            do(process)
