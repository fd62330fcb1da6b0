"""The append-only record of a run's facts: the truth, from which everything else is derived.

Each line is a JSON object. Its last entry is a checksum over this line and all lines before it,
so a change, a missing line and an added line are noticed. A line reaches the operating system
before its fact takes effect, so a killed driver loses nothing. It reaches the disk within a
second, so a power cut loses little.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import VERSION, Fact, Opened, from_json, to_json
from tune_jobs.storage import patiently

SYNC_SECONDS = 1.0
_FIRST_WITH_CHECK_SUMS = 2
_SUM = b',"sum":"'


class Journal:
    """A journal to write to: a new one, or with ``past`` one to continue.

    Args:
        past: what `read_past` found in it.
        patience: seconds to retry writing if the disk is full or gone.

    Raises FileExistsError if a new one exists already: a run is never overwritten.
    """

    def __init__(
        self,
        path: Path,
        past: Past | None = None,
        clock: Callable[[], float] = time.time,
        patience: float = 0.0,
    ) -> None:
        self._clock = clock
        self.patience = patience
        flags = os.O_WRONLY if past else os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._file = os.open(path, flags, 0o644)
        self._size, self._sum = (past.size, past.check_sum) if past else (0, 0)
        os.ftruncate(self._file, self._size)  # removes an incomplete last line
        self._synced = float("-inf")
        self._sync_soon: threading.Timer | None = None

    def append(self, fact: Fact) -> Fact:
        """Writes the fact with the current time; returns it as written.

        Raises StorageError if it cannot be written; earlier lines stay intact.
        """
        fact = replace(fact, time=round(self._clock(), 3))
        line, check_sum = _sealed(to_json(fact).encode(), self._sum)
        try:
            self._write(line)
        except OSError:
            patiently(lambda: self._write(line), self.patience)
        self._size, self._sum = self._size + len(line), check_sum
        return fact

    def sync(self) -> None:
        """Returns when all lines are on the disk. Raises OSError."""
        os.fsync(self._file)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Raises OSError if the last lines did not reach the disk."""
        if self._sync_soon:
            self._sync_soon.cancel()
            self._sync_soon.join()
        try:
            self.sync()
        finally:
            os.close(self._file)

    def _write(self, line: bytes) -> None:
        """Writes all of the line or nothing; first removes what an earlier attempt left."""
        os.ftruncate(self._file, self._size)
        rest = memoryview(line)
        while rest:
            written = os.pwrite(self._file, rest, self._size + len(line) - len(rest))
            rest = rest[written:]
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()
        elif not (self._sync_soon and self._sync_soon.is_alive()):
            self._sync_soon = threading.Timer(SYNC_SECONDS, self._sync_quietly)
            self._sync_soon.daemon = True
            self._sync_soon.start()

    def _sync_quietly(self) -> None:
        with suppress(OSError):  # a failing disk is noticed at the next line
            self.sync()


@dataclass(frozen=True)
class Past:
    """A journal as it was found."""

    facts: list[Fact]
    size: int  # bytes, of whole lines
    check_sum: int
    torn: int  # bytes after the last whole line

    @property
    def version(self) -> int:
        return self.facts[0].version if isinstance(self.facts[0], Opened) else 0


def read_past(path: Path) -> Past | None:
    """All of a journal, to continue it; None if it has no fact or does not exist.

    Raises UserError as `read` does, and for a version without checksums.
    """
    if not path.is_file():
        return None
    size, check_sum = 0, 0
    facts = []
    for line in _lines(path):
        size, check_sum = line.end, line.check_sum
        facts.append(line.fact)
    if not facts:
        return None
    past = Past(facts, size, check_sum, torn=path.stat().st_size - size)
    if past.version < _FIRST_WITH_CHECK_SUMS:
        raise UserError(
            f"{path} has version {past.version} of an earlier tune-jobs: it can be shown but not "
            "resumed; start a new run with --warm-start to use its trials"
        )
    return past


def read(path: Path) -> Iterator[Fact]:
    """The facts of a journal, in order.

    An incomplete last line was being written when the driver died: it never took effect and is
    left out. Raises UserError for any other line that cannot be read, for a journal of a newer
    version, and if there is none.
    """
    return (line.fact for line in _lines(path))


class Following:
    """Reads a journal that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = _BEFORE

    @property
    def was_cut(self) -> bool:
        """Whether it no longer begins with what was read: it has to be read anew."""
        if self._last is _BEFORE or self._last.version < _FIRST_WITH_CHECK_SUMS:
            return False
        seal = _seal(self._last.check_sum)
        try:
            with self._path.open("rb") as file:
                file.seek(self._last.end - len(seal))
                return file.read(len(seal)) != seal
        except FileNotFoundError:
            return True

    def news(self) -> Iterator[Fact]:
        """The facts since the last call. Raises UserError as `read` does."""
        if self._last is _BEFORE and not self._path.is_file():
            return  # its driver is starting
        for line in _lines(self._path, self._last):
            self._last = line
            yield line.fact


def truncate(path: Path, line: int) -> Path:
    """Cuts a journal off before a line, counted from 1; returns the path of a complete copy.

    Raises UserError if there is no such line.
    """
    with path.open("rb") as file:
        lines = file.readlines()
    if not 2 <= line <= len(lines):
        raise UserError(f"--truncate-at is {line}; {path} can be cut at lines 2 to {len(lines)}")
    copy = path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}")
    with copy.open("xb") as file:
        file.writelines(lines)
        os.fsync(file.fileno())
    with path.open("r+b") as file:
        file.truncate(sum(map(len, lines[: line - 1])))
        os.fsync(file.fileno())
    return copy


class _Line(NamedTuple):
    fact: Fact
    end: int  # of the line in the file
    check_sum: int
    number: int
    version: int  # of the journal


_BEFORE = _Line(Opened(version=VERSION), 0, 0, 0, VERSION)
"""Where a journal begins."""


def _lines(path: Path, after: _Line = _BEFORE) -> Iterator[_Line]:
    if not path.is_file():
        raise UserError(f"{path} does not exist: the run ended before its first fact")
    _, end, check_sum, last, version = after
    with path.open("rb") as lines:
        lines.seek(end)
        for number, line in enumerate(lines, start=last + 1):
            if not line.endswith(b"\n"):
                return
            end += len(line)
            try:
                fact = from_json(_unsealed(line))
            except ValueError:
                raise _damaged(path, number) from None
            if number == 1:
                version = _version(path, fact)
            expected, check_sum = _sealed(_unsealed(line), check_sum)
            if line != expected and (version >= _FIRST_WITH_CHECK_SUMS or _SUM in line):
                raise _damaged(path, number)
            yield _Line(fact, end, check_sum, number, version)


def _version(path: Path, fact: Fact) -> int:
    if not isinstance(fact, Opened):
        raise UserError(f"{path} is not a journal: it begins with {fact.fact!r}")
    if fact.version > VERSION:
        raise UserError(
            f"{path} has version {fact.version}; this tune-jobs reads up to {VERSION}: upgrade it"
        )
    return fact.version


def _damaged(path: Path, number: int) -> UserError:
    way_on = f"; `tune-jobs resume {path.parent.name} --truncate-at {number}` continues from the "
    return UserError(
        f"{path} is damaged in line {number}, or lines before it are missing"
        + (way_on + "lines before it, and keeps a copy of the whole" if number > 1 else "")
    )


def _sealed(text: bytes, before: int) -> tuple[bytes, int]:
    """A JSON object as a line with its checksum, and the checksum for the next line."""
    check_sum = zlib.crc32(text, before)
    return text[:-1] + _seal(check_sum), check_sum


def _seal(check_sum: int) -> bytes:
    """The end of a line."""
    return _SUM + b'%08x"}\n' % check_sum


def _unsealed(line: bytes) -> bytes:
    """The JSON object without its checksum, if it has one."""
    text, found, _ = line.rpartition(_SUM)
    return text + b"}" if found else line.rstrip(b"\n")
