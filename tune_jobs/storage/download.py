"""A run in a bucket, copied to a folder here."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tune_jobs.errors import UserError
from tune_jobs.storage import Folder, Place, patiently
from tune_jobs.storage.pieces import JOURNAL, PIECE, bytes_of, joined, pieces, whole_lines
from tune_jobs.storage.place import FileInfo


class Download:
    """Copies the run in a place to the local folder ``working``, as often as it is called. Pieces
    of the journal that have not changed since the last time are not read again.

    A local journal is kept if it continues the one in the place: its driver died before the last
    upload. A local journal that differs is renamed.
    """

    def __init__(self, place: Place, working: Path, piece: int = PIECE) -> None:
        self._place, self._working, self._piece = place, working, piece
        self._journal = working / JOURNAL
        self._seen: dict[int, FileInfo] = {}

    def __call__(self) -> None:
        """Raises UserError if the place has no run, StorageError if it cannot be reached."""
        try:
            declaration = patiently(lambda: self._place.read("job.json"), 0.0)
        except FileNotFoundError:
            raise UserError(f"{self._place.url} is not a run: it has no job.json") from None
        there = patiently(self._read, 0.0)
        here = bytes_of(self._journal)  # read last: a driver may be adding to both
        Folder(self._working).write("job.json", declaration)
        if whole_lines(here).startswith(whole_lines(there)):
            return
        if not whole_lines(there).startswith(whole_lines(here)):
            stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
            self._journal.rename(self._journal.with_name(f"{JOURNAL}.{stamp}"))
        Folder(self._working).write(JOURNAL, there)

    def _read(self) -> bytes:
        """The journal in the place."""
        found = pieces(self._place, self._piece)
        same = 0
        while same in found and self._seen.get(same) == found[same]:
            same += 1
        size = sum(found[number].size for number in range(same))
        known = bytes_of(self._journal, 0, size)
        if len(known) < size:  # somebody else cut it
            same, known = 0, b""
        whole = known + joined(self._place, [number for number in found if number >= same])
        self._seen = found
        return whole
