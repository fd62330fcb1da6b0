"""A process with all its children: what it prints, and how it ends."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

from tune_jobs.models.programs.guard import Guard

_MOMENT = 0.05  # seconds between two checks for its end


class Process:
    """A group of processes. If it prints more than a pipe holds, it waits until somebody reads the
    next line.

    Attributes:
        said: the last lines of standard error, and lines that others add.

    Args:
        words: the program and its arguments.
        variables: its environment.
        folder: removed if this process dies; the group is ended then too.
        memory: the number of lines of standard error to keep.

    Raises OSError if it cannot be started.
    """

    def __init__(
        self, words: Sequence[str], variables: Mapping[str, str], folder: Path, memory: int
    ) -> None:
        self.said: deque[str] = deque(maxlen=memory)
        self._lines: deque[str] = deque()
        self._guard = Guard(folder)
        try:
            self._process = subprocess.Popen(
                words,
                env=variables,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
            )
        except OSError:
            self._guard.dismiss()
            raise
        self._guard.watch(self._process.pid)
        self._unfinished: dict[int, bytes] = {}  # the last line of each pipe
        self._selector = selectors.DefaultSelector()
        for pipe, lines in (
            (self._process.stdout, self._lines),
            (self._process.stderr, self.said),
        ):
            if pipe:
                self._selector.register(pipe, selectors.EVENT_READ, lines)

    @property
    def exit_code(self) -> int | None:
        """None before its end; after a signal, the negative number of the signal."""
        return self._process.returncode

    def next_line(self, until: float | None) -> str | None:
        """The next line of standard output; None if it has ended and no line is left.

        Raises TimeoutError at ``until``, a time of `time.monotonic`.
        """
        while not self._lines:
            left = _MOMENT if until is None else until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ended = self._has_ended()
            if not self._read(min(left, _MOMENT)) and ended:
                return None
        return self._lines.popleft()

    def end(self, grace: float) -> None:
        """Ends the whole group: SIGTERM, and SIGKILL after ``grace`` seconds."""
        if not self._has_ended():
            self._signal(signal.SIGTERM)
            until = time.monotonic() + grace
            # A process that still holds a pipe is alive, even if the first of the group is not.
            while self._selector.get_map() and time.monotonic() < until:
                self._read(_MOMENT)
                self._lines.clear()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, until - time.monotonic()))
            self._signal(signal.SIGKILL)
        self._guard.dismiss()
        self._selector.close()
        with self._process:  # waits, and closes the pipes
            pass

    def _has_ended(self) -> bool:
        """Ends what it left behind, while the number of the group is not yet used again."""
        if self._process.returncode is None and self._process.poll() is not None:
            self._signal(signal.SIGKILL)
            self._guard.watch(None)
        return self._process.returncode is not None

    def _read(self, seconds: float) -> bool:
        """Reads what there is or comes within these seconds; returns whether there was any."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            chunk = os.read(key.fd, 1 << 16)
            # A progress bar ends its lines with \r.
            *lines, rest = re.split(rb"[\r\n]+", self._unfinished.get(key.fd, b"") + chunk)
            self._unfinished[key.fd] = rest
            if not chunk:
                self._selector.unregister(key.fileobj)
                lines.append(rest)
            key.data.extend(line.decode(errors="replace") for line in lines if line.strip())
        return bool(ready)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS: the latter for zombies
            os.killpg(self._process.pid, number)
