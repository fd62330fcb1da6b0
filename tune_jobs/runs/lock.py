"""The lock of a run: one driver at a time."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tune_jobs.errors import UserError
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.interrupt import before_exit
from tune_jobs.storage import lease as leases
from tune_jobs.storage.lease import Lease
from tune_jobs.storage.place import Place


@contextmanager
def locked(folder: RunFolder) -> Iterator[Lease | None]:
    """Inside, nobody else can drive the run. Its folder is made if it does not exist. A driver
    that dies loses the lock. A run in a bucket also has a lease, which must be renewed.

    Raises UserError, with the holder's name, if another driver has the lock.
    """
    lock = FileLock(folder.lock)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        holder = _noted_holder(folder)
        raise UserError(
            f"run {folder.name!r} is in use by {holder}; `tune-jobs status {folder.name}` shows "
            "its trials"
        ) from None
    except OSError as error:
        raise UserError(f"{folder.path} cannot be written: {error}") from error
    try:
        with before_exit(folder.remove_if_empty):
            _note_holder(folder)
            if folder.bucket is None:
                yield None
            else:
                with _leased(folder.bucket) as lease:
                    yield lease
    finally:
        folder.remove_if_empty()
        lock.release()


def holder_of(folder: RunFolder) -> str:
    """Who has the lock of a run, for people; empty if nobody has. Raises StorageError."""
    if folder.bucket:
        return leases.holder_of(folder.bucket)
    try:
        with folder.lock.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # acquired: nobody has it
    except BlockingIOError:
        return _noted_holder(folder)
    except OSError:
        pass
    return ""


@contextmanager
def _leased(bucket: Place) -> Iterator[Lease]:
    lease = Lease(bucket)
    try:
        with before_exit(lease.release):
            yield lease
    finally:
        lease.release()


def _note_holder(folder: RunFolder) -> None:
    with suppress(OSError):  # only for messages
        _note(folder).write_text(json.dumps({"host": platform.node(), "pid": os.getpid()}))


def _noted_holder(folder: RunFolder) -> str:
    try:
        found = json.loads(_note(folder).read_text())
        return f"process {found['pid']} on {found['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _note(folder: RunFolder) -> Path:
    return folder.path / ".driver"
