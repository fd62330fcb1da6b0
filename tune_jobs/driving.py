"""A run in the hands of one driver: locked, its journal open, its copy in the bucket kept up."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tune_jobs.errors import UserError
from tune_jobs.journal import Journal, Past
from tune_jobs.run_folder import RunFolder
from tune_jobs.storage.lease import Lease
from tune_jobs.storage.mirror import Mirror


@contextmanager
def locked(folder: RunFolder) -> Iterator[Lease | None]:
    """Nobody else can drive the run meanwhile; a driver that dies keeps no lock. For a run in a
    bucket there is a lease too, which has to be renewed.

    Raises UserError, with the holder's name, where somebody does.
    """
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        driver = driver_of(folder) or "another process"
        raise UserError(
            f"run {folder.name!r} is in use by {driver}; `tune-jobs status {folder.name}` shows "
            "how it stands"
        ) from None
    lease = None
    try:
        _write_holder(folder)
        if folder.bucket:
            lease = Lease(folder.bucket)
        yield lease
    finally:
        if lease:
            lease.release()
        _holder_file(folder).unlink(missing_ok=True)
        lock.release()


def driver_of(folder: RunFolder) -> str:
    """Who drives a run from this machine or its folder, in words; nothing where nobody does."""
    try:
        found = json.loads(_holder_file(folder).read_text())
        if found["host"] == platform.node():
            os.kill(found["pid"], 0)
        return f"process {found['pid']} on {found['host']}"
    except PermissionError:  # it is there, and another user's
        return "another user's process"
    except (OSError, ValueError, KeyError):
        return ""


@dataclass(frozen=True)
class Books:
    """Where a driver writes down what happens.

    Attributes:
        settle: returns when every fact so far is safe: on the disk, or in the bucket.
        trouble: why the run cannot be driven on, if there is a reason.
    """

    journal: Journal
    settle: Callable[[], None]
    trouble: Callable[[], UserError | None]


@contextmanager
def open_books(
    folder: RunFolder, lease: Lease | None, past: Past | None, patience: float
) -> Iterator[Books]:
    """The journal of a locked run, and its way into the bucket; all is safe when it ends."""
    with ExitStack() as stack:
        mirror = Mirror(folder.path, folder.bucket, patience, lease) if folder.bucket else None
        if mirror:
            stack.callback(mirror.close)
            mirror.sync()  # what it has beyond the journal's end must be gone before that grows
        journal = Journal(folder.journal, past, patience=patience)
        stack.callback(journal.close)

        def trouble() -> UserError | None:
            return (mirror and mirror.failed) or (lease and lease.lost) or None

        yield Books(journal, mirror.sync if mirror else journal.sync, trouble)


def _write_holder(folder: RunFolder) -> None:
    holder = {"host": platform.node(), "pid": os.getpid()}
    _holder_file(folder).write_text(json.dumps(holder))


def _holder_file(folder: RunFolder) -> Path:
    return folder.path / ".driver"
