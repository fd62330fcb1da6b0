"""A folder for this driver alone, for files that Ray insists on writing and nobody reads later.

The driver removes it at its end, with the processes that were started for it. If the driver is
killed, the next one removes it: a lock shows whether its driver is alive.
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
"""In the environment of a process, names the folder for which it was started."""

_LOCK = "lock"


@contextmanager
def scratch() -> Iterator[Path]:
    """The folder; its path is short enough for Ray's sockets."""
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


def others_with_a_cluster(folder: Path) -> int:
    """How many other drivers on this machine have started a cluster of their own."""
    others = [lock.parent for lock in folder.parent.glob(f"*/{_LOCK}")]
    return sum(any(other.glob("session_*")) for other in others if other != folder)


def remove(folder: Path) -> None:
    """Ends the processes that were started for the folder, and removes it."""
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
    """A lock in it, held from the moment when the file exists."""
    unfinished = folder / f".{_LOCK}"
    file = unfinished.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    unfinished.rename(folder / _LOCK)
    return file


def _end_processes(folder: Path) -> None:
    """Kills the processes of the folder and their children; returns when they are gone."""
    deadline = time.monotonic() + 5
    while (found := _processes(folder)) and time.monotonic() < deadline:
        _each(found, psutil.Process.suspend)  # so that none starts another meanwhile
        _each(_processes(folder), psutil.Process.kill)
        psutil.wait_procs(found, timeout=0.1)


def _processes(folder: Path) -> list[psutil.Process]:
    """The processes with the mark, and their descendants: a process that is about to become
    another program has no environment for a moment."""
    parents: dict[psutil.Process, int] = {}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            parents[process] = process.ppid()
            if _is_of(process, folder):
                found[process.pid] = process
    count = 0
    while count < len(found):
        count = len(found)
        found |= {process.pid: process for process, above in parents.items() if above in found}
    return list(found.values())


def _is_of(process: psutil.Process, folder: Path) -> bool:
    """Whether a process has the mark. Those of Ray that rename themselves overwrite a part of
    their environment with the name, so they are known by their log files, too."""
    if process.environ().get(MARK) == str(folder):
        return True
    is_renamed = "".join(process.cmdline()[:1]).startswith("ray::")
    return is_renamed and any(folder in Path(file.path).parents for file in process.open_files())


def _each(processes: Iterable[psutil.Process], do: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            do(process)
