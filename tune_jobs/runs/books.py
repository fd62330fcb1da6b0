"""Where the driver of a locked run writes: its journal, and its copy in the bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue

from tune_jobs.errors import UserError
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Journal, Past
from tune_jobs.storage.lease import Lease
from tune_jobs.storage.mirror import Mirror


@dataclass(frozen=True)
class Books:
    """Where a driver records what happens.

    Attributes:
        settle: returns when every fact so far is safe: on the disk, or in the bucket.
        trouble: why the run cannot continue, if there is a reason.
        news: messages about the storage since the last call.
    """

    journal: Journal
    settle: Callable[[], None]
    trouble: Callable[[], UserError | None]
    news: Callable[[], list[str]]


@contextmanager
def open_books(
    folder: RunFolder, lease: Lease | None, past: Past | None, patience: float
) -> Iterator[Books]:
    """The journal of a locked run, and its copy in the bucket; at the end all of it is safe.

    Raises StorageError if the last facts did not reach the bucket.
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
        mirror.sync()  # removes what the bucket has beyond the journal's end
        yield Books(journal, mirror.sync, lambda: mirror.failed, news)


def _close_quietly(journal: Journal) -> None:
    with suppress(OSError):  # the error that ended the run counts, not this one
        journal.close()
