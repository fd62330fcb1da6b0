"""A run in a bucket: the driver has a working folder, and the bucket gets a copy.

journal/000000, journal/000001, ...   pieces of journal.jsonl; only the last one grows
lease/<driver>                        who drives the run
other files under their names         job.json, summary.json, trials.csv, tensorboard/ ...
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tune_jobs.storage import Folder, Place, StorageError, patiently
from tune_jobs.storage.lease import Lease
from tune_jobs.storage.pieces import (
    JOURNAL,
    PIECE,
    all_pieces,
    bytes_of,
    name_of_piece,
    whole_lines,
)

T = TypeVar("T")

JOURNAL_SECONDS, RENEW_SECONDS, FILES_SECONDS = 2.0, 10.0, 30.0  # between two uploads
_TAIL = 2**16  # bytes; usually enough to find the start of the last line


class Mirror:
    """Copies the driver's working folder to the run's place, in a thread.

    While the storage can be reached, the copy is at most a few seconds old. If it cannot be
    reached, training continues and the mirror tries again.

    Args:
        working: the driver's folder. It is the truth: call `Download` before, if the run exists.
        patience: seconds to retry a storage that fails.
        lease: renewed in time, and before anything is written after an outage.
        told: called with messages about outages.

    Attributes:
        failed: why nothing is copied any more: the storage failed for too long, or the lease is
            lost.
    """

    def __init__(
        self,
        working: Path,
        place: Place,
        patience: float,
        lease: Lease | None = None,
        told: Callable[[str], None] = lambda text: None,
        piece: int = PIECE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failed: StorageError | None = None
        self._place, self._patience, self._told, self._clock = place, patience, told, clock
        self._lease = lease
        self._journal = _JournalCopy(working / JOURNAL, place, piece)
        self._files = _FileCopies(working, place)
        self._journal_due = self._files_due = clock()
        self._lease_due = clock() + RENEW_SECONDS if lease else math.inf
        self._news = threading.Condition()
        self._asked = self._served = 0  # calls of sync
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    def sync(self) -> None:
        """Returns when the whole journal is in the place. Raises StorageError."""
        with self._news:
            self._asked += 1
            asked = self._asked
            self._news.notify_all()
            self._news.wait_for(lambda: self._served >= asked or self._is_over)
        if self._served < asked:
            raise self.failed or StorageError(f"the copy in {self._place.url} is closed")

    def close(self) -> None:
        """Copies the rest and ends the thread. Raises StorageError if that failed."""
        with self._news:
            self._closing = True
            self._news.notify_all()
        self._thread.join()
        if self.failed:
            raise self.failed

    @property
    def _is_over(self) -> bool:
        return self.failed is not None or not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._rest(self._patiently(self._step))
            self._journal_due = self._files_due = self._clock()
            while self._patiently(self._step) == 0.0:
                pass
        except Exception as error:  # the driver must learn of any error
            self.failed = error if isinstance(error, StorageError) else StorageError(repr(error))
        with self._news:
            self._news.notify_all()

    def _patiently(self, action: Callable[[], T]) -> T:
        return patiently(action, self._patience, self._told, f"{self._place.url} failed")

    def _step(self) -> float:
        """Does the most urgent step; returns the seconds until the next one.

        Steps are small, and after an outage the order starts again, so the lease is renewed first
        and in time.
        """
        self._keep_lease()
        asked = self._asked
        if asked > self._served or self._clock() >= self._journal_due:
            if not self._journal.upload():
                return 0.0
            self._served, self._journal_due = asked, self._clock() + JOURNAL_SECONDS
        if self._clock() >= self._files_due:
            self._files.look()
            self._files_due = self._clock() + FILES_SECONDS
        if self._files.upload():
            return 0.0
        due = min(self._journal_due, self._files_due, self._lease_due)
        return max(0.0, due - self._clock())

    def _keep_lease(self) -> None:
        if self._lease and self._clock() >= self._lease_due:
            self._lease.renew()
            if self._lease.lost:
                raise self._lease.lost
            self._lease_due = self._clock() + RENEW_SECONDS

    def _rest(self, seconds: float) -> None:
        with self._news:
            self._news.notify_all()
            self._news.wait_for(lambda: self._closing or self._asked > self._served, seconds)


class _JournalCopy:
    """The pieces of a journal. It only grows, but may have been cut since the last copy."""

    def __init__(self, path: Path, place: Place, piece: int) -> None:
        self._path, self._place, self._piece = path, place, piece
        self._copied = 0  # bytes
        self._is_cut = False

    def upload(self) -> bool:
        """Copies the next piece, as much as there is; returns whether it was the last one."""
        if not self._is_cut:
            self._cut()
        number = self._copied // self._piece
        content = bytes_of(self._path, number * self._piece, self._piece)
        # An incomplete line may be cut off again.
        content = content[: max(0, self._end_of_lines() - number * self._piece)]
        end = number * self._piece + len(content)
        if end > self._copied:
            self._place.write(name_of_piece(number), content)
            self._copied = end
        return len(content) < self._piece

    def _end_of_lines(self) -> int:
        """The bytes of complete lines in the file."""
        size = self._path.stat().st_size if self._path.exists() else 0
        start = max(0, size - _TAIL)
        while start and b"\n" not in bytes_of(self._path, start):
            start = max(0, start - _TAIL)
        return start + len(whole_lines(bytes_of(self._path, start)))

    def _cut(self) -> None:
        """Removes pieces after the journal's end; their lines were cut off."""
        end = self._end_of_lines()
        for number in all_pieces(self._place):
            if number * self._piece >= end:
                self._place.remove(name_of_piece(number))
        self._is_cut = True


class _FileCopies:
    """The other files of a working folder; each is copied when it has changed."""

    def __init__(self, working: Path, place: Place) -> None:
        self._working, self._place = Folder(working), place
        self._copied: dict[str, tuple[int, float]] = {}  # name -> bytes, time of the last change
        self._changed: dict[str, tuple[int, float]] = {}

    def look(self) -> None:
        """Finds changed files."""
        for info in self._working.infos():
            state = (info.size, info.modified)
            if self._is_ours(info.name) and self._copied.get(info.name) != state:
                self._changed[info.name] = state

    def upload(self) -> bool:
        """Copies one changed file; returns whether there was one."""
        for name, state in self._changed.items():
            with suppress(FileNotFoundError):  # removed meanwhile
                self._place.write(name, self._working.read(name))
            self._copied[name] = state
            del self._changed[name]
            return True
        return False

    def _is_ours(self, name: str) -> bool:
        return name != JOURNAL and not name.startswith("checkpoints/")
