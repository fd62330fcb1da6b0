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
