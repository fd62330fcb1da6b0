"""What trials printed: logs/00007.txt is the output of trial 7, logs/test.txt of the final test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from threading import Lock
from typing import IO

from tune_jobs.storage import Place

LIMIT = 10 * 2**20  # bytes of a log
CUT = f"\n[tune-jobs keeps {LIMIT // 2**20} MiB of a trial's output; the rest is left out]\n"


class Log:
    """Adds text to a log; its file is opened with the first text. A log that cannot be written
    loses text, and nothing else happens.

    Args:
        place: of the logs of a run.
        name: of the file.
        title: a line before the first text.
    """

    def __init__(self, place: Place, name: str, title: str) -> None:
        self._place, self._name = place, name
        self._title = title
        self._file: IO[bytes] | None = None
        self._stack = ExitStack()
        self._lock = Lock()
        self._is_over = False

    def write(self, text: str) -> None:
        with self._lock:
            if not text or self._is_over:
                return
            try:
                self._add(text)
            except Exception:
                self._is_over = True

    def close(self) -> None:
        with self._lock, suppress(Exception):
            self._is_over = True
            self._stack.close()

    def _add(self, text: str) -> None:
        if self._file is None:
            self._file = self._stack.enter_context(self._place.appending(self._name))
            text = f"{self._title}\n{text}"
        data = text.encode(errors="backslashreplace")
        room = LIMIT - self._file.tell()
        self._file.write(data[: max(0, room)])
        if len(data) >= room:
            self._is_over = True
            if room > 0:
                self._file.write(CUT.encode())


class Reader:
    """Gives the lines of a log, also those that are added later."""

    def __init__(self, place: Place, name: str) -> None:
        self._place, self._name = place, name
        self._seen = 0

    def lines(self, is_over: bool) -> Iterator[str]:
        """The lines since the last call; of a log that is over, also one without an end.

        Raises FileNotFoundError if there is no log.
        """
        new = self._place.read(self._name)[self._seen :]
        whole = new if is_over else new[: new.rfind(b"\n") + 1]
        self._seen += len(whole)
        yield from whole.decode(errors="backslashreplace").splitlines()
