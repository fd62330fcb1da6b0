"""Keeps what a trial prints: its `print`, its logging and its warnings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from tune_jobs.runs.logs import Log
from tune_jobs.storage import Place

_at_work: list[Log] = []
"""Of this process; there is one while a trial is at work."""


@contextmanager
def kept_output(place: Place, name: str, title: str) -> Iterator[None]:
    """Inside, what any thread of this process writes to its standard output or error is also
    added to a log."""
    for stream in ("stdout", "stderr"):
        if not isinstance(getattr(sys, stream), _Tee):
            # For good: a logger may keep it.
            setattr(sys, stream, _Tee(getattr(sys, stream)))
    log = Log(place, name, title)
    _at_work.append(log)
    try:
        yield
    finally:
        _at_work.remove(log)
        log.close()


class _Tee:
    """A stream that also writes to the log of the trial at work. What it writes to may be closed,
    full or None, by the doing of an earlier trial; no other trial fails of that."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        for log in _at_work:
            log.write(text)
        if self._stream:
            with suppress(OSError, ValueError):
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        if self._stream:
            with suppress(OSError, ValueError):
                self._stream.flush()

    def writelines(self, lines: list[str]) -> None:
        self.write("".join(lines))

    def __reduce__(self) -> str:
        raise TypeError("a stream cannot be copied")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
