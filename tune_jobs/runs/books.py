"""A run in the hands of one driver: locked, its journal open, its copy in the bucket kept up."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from filelock import FileLock, Timeout

from tune_jobs.errors import UserError
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Journal, Past
from tune_jobs.storage.lease import Lease, driver_in
from tune_jobs.storage.mirror import Mirror


@contextmanager
def locked(folder: RunFolder) -> Iterator[Lease | None]:
    """Nobody else can drive the run meanwhile, whose folder is made if need be; a driver that
    dies keeps no lock. For a run in a bucket there is a lease too, which has to be renewed.

    Raises UserError, with the holder's name, where somebody does.
    """
    lock = FileLock(folder.lock)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        driver = _noted_driver(folder)
        raise UserError(
            f"run {folder.name!r} is in use by {driver}; `tune-jobs status {folder.name}` shows "
            "how it stands"
        ) from None
    except OSError as error:
        raise UserError(f"{folder.path} cannot be written: {error}") from error
    lease = None
    try:
        _note_driver(folder)
        if folder.bucket:
            lease = Lease(folder.bucket)
        yield lease
    finally:
        if lease:
            lease.release()
        folder.remove_if_empty()
        lock.release()


def driver_of(folder: RunFolder) -> str:
    """Who drives a run, in words; nothing where nobody does. Raises StorageError."""
    if folder.bucket:
        return driver_in(folder.bucket)
    try:
        with folder.lock.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # gotten: nobody has it
    except BlockingIOError:
        return _noted_driver(folder)
    except OSError:
        pass
    return ""


@dataclass(frozen=True)
class Books:
    """Where a driver writes down what happens.

    Attributes:
        settle: returns when every fact so far is safe: on the disk, or in the bucket.
        trouble: why the run cannot be driven on, if there is a reason.
        news: what a person should know of the storage since the last time.
    """

    journal: Journal
    settle: Callable[[], None]
    trouble: Callable[[], UserError | None]
    news: Callable[[], list[str]]


@contextmanager
def open_books(
    folder: RunFolder, lease: Lease | None, past: Past | None, patience: float
) -> Iterator[Books]:
    """The journal of a locked run, and its way into the bucket; all is safe when it ends.

    Raises StorageError where the bucket does not get what was written last.
    """
    told: SimpleQueue[str] = SimpleQueue()

    def news() -> list[str]:
        return [told.get() for _ in range(told.qsize())]

    with ExitStack() as stack:
        journal = Journal(folder.journal, past, patience=patience)
        if folder.bucket is None:
            stack.callback(_close_quietly, journal)
            yield Books(journal, journal.sync, lambda: None, news)
            return
        mirror = Mirror(folder.path, folder.bucket, patience, lease, told.put)
        stack.callback(mirror.close)
        stack.callback(_close_quietly, journal)
        mirror.sync()  # what the bucket has beyond the journal's end is gone before that grows
        yield Books(journal, mirror.sync, lambda: mirror.failed, news)


def _close_quietly(journal: Journal) -> None:
    with suppress(OSError):  # whatever ended the run is told, and not this
        journal.close()


def _note_driver(folder: RunFolder) -> None:
    with suppress(OSError):  # only for those who ask
        _note(folder).write_text(json.dumps({"host": platform.node(), "pid": os.getpid()}))


def _noted_driver(folder: RunFolder) -> str:
    try:
        found = json.loads(_note(folder).read_text())
        return f"process {found['pid']} on {found['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _note(folder: RunFolder) -> Path:
    return folder.path / ".driver"
