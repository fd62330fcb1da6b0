"""The journal of a run in a bucket: pieces, of which only the last one grows."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tune_jobs.errors import UserError
from tune_jobs.storage.place import FileInfo, Place

PIECE = 2**20  # bytes
JOURNAL = "journal.jsonl"
"""The name of the whole in a driver's folder."""
_READS = 8  # at a time


def pieces(place: Place, piece: int = PIECE) -> dict[int, FileInfo]:
    """Those in the place, by number. Raises UserError if one before the last is missing or
    short."""
    found = all_pieces(place)
    for number in range(max(found, default=0)):
        size = found[number].size if number in found else None
        if size != piece:
            wrong = "is missing" if size is None else f"has {size} of {piece} bytes"
            raise UserError(f"{place.url} is damaged: {name_of_piece(number)} {wrong}")
    return found


def all_pieces(place: Place) -> dict[int, FileInfo]:
    """The same, damaged or not."""
    named = {info.name.rpartition("/")[2]: info for info in place.infos("journal")}
    return {int(name): info for name, info in named.items() if name.isdigit()}


def joined(place: Place, numbers: Iterable[int]) -> bytes:
    """The content of some pieces, in order."""
    with ThreadPoolExecutor(_READS) as threads:
        return b"".join(threads.map(place.read, map(name_of_piece, sorted(numbers))))


def name_of_piece(number: int) -> str:
    return f"journal/{number:06d}"


def bytes_of(path: Path, start: int = 0, size: int = -1) -> bytes:
    """The bytes of a file; empty if it does not exist."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(size)
    except FileNotFoundError:
        return b""


def whole_lines(content: bytes) -> bytes:
    """The text without an incomplete last line: it never took effect and will be cut off."""
    return content[: content.rfind(b"\n") + 1]
