"""The append-only record of a run's facts: the truth, from which all else is derived.

One JSON object a line. A line reaches the operating system before its fact takes effect, so
a killed driver loses nothing; it reaches the disk within a second, which bounds what a power
cut can take.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tune_jobs.errors import UserError
from tune_jobs.facts import VERSION, Fact, Opened, from_json, to_json

SYNC_SECONDS = 1.0


class Journal:
    """A new journal. Raises FileExistsError where there is one: a run is never overwritten."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._file = path.open("xb")
        self._synced = float("-inf")

    def append(self, fact: Fact) -> Fact:
        """Writes the fact with the present time; returns it as written."""
        fact = replace(fact, time=round(self._clock(), 3))
        self._file.write(to_json(fact).encode() + b"\n")
        self._file.flush()
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._sync()
        return fact

    def close(self) -> None:
        self._sync()
        self._file.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


def read(path: Path) -> Iterator[Fact]:
    """The facts of a journal, in order.

    A last line without its end was being written when the driver died: it never took effect
    and is left out. Raises UserError for any other line that cannot be read, for a journal of
    a newer version, and for none at all.
    """
    if not path.is_file():
        raise UserError(f"{path} is not there: the run ended before it began")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                fact = from_json(line)
            except ValueError:
                start = line[:60].decode(errors="replace").strip()
                raise UserError(f"{path} is damaged in line {number}: {start!r}") from None
            if number == 1 and not isinstance(fact, Opened):
                raise UserError(f"{path} is no journal: it begins with {fact.fact!r}")
            if isinstance(fact, Opened) and fact.version > VERSION:
                raise UserError(
                    f"{path} has version {fact.version}; this tune-jobs reads up to {VERSION}: "
                    "upgrade it"
                )
            yield fact
