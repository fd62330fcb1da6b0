"""Who has a run in hand: one driver at a time."""

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
    """Nobody else can drive the run meanwhile, whose folder is made if need be; a driver that
    dies keeps no lock. For a run in a bucket there is a lease too, which has to be renewed.

    Raises UserError, with the holder's name, where somebody does.
    """
    lock = FileLock(folder.lock)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        holder = _noted_holder(folder)
        raise UserError(
            f"run {folder.name!r} is in use by {holder}; `tune-jobs status {folder.name}` shows "
            "how it stands"
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
    """Who has a run in hand, in words; nothing where nobody does. Raises StorageError."""
    if folder.bucket:
        return leases.holder_of(folder.bucket)
    try:
        with folder.lock.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # gotten: nobody has it
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
    with suppress(OSError):  # only for those who ask
        _note(folder).write_text(json.dumps({"host": platform.node(), "pid": os.getpid()}))


def _noted_holder(folder: RunFolder) -> str:
    try:
        found = json.loads(_note(folder).read_text())
        return f"process {found['pid']} on {found['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"


def _note(folder: RunFolder) -> Path:
    return folder.path / ".driver"
