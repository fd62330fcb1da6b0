"""A program that prints metrics, and readable errors if something goes wrong."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from tune_jobs.models.base import TrainingError
from tune_jobs.models.programs.lines import Measured, measured
from tune_jobs.models.programs.process import Process

_LAST_LINES, _LONGEST_LINE = 20, 500  # shown in an error


class ProgramError(TrainingError):
    """A program failed: the message has its last lines and then what is wrong."""


class Program:
    """A running program. Arguments as for `Process`.

    Raises ProgramError if it cannot be started.
    """

    def __init__(self, words: Sequence[str], variables: Mapping[str, str], folder: Path) -> None:
        try:
            self._process = Process(words, variables, folder, _LAST_LINES)
        except OSError as error:
            raise ProgramError(
                f"the program {words[0]!r} cannot be started in {Path.cwd()}: {error.strerror}; "
                "build or install it, or give its path"
            ) from None
        self._command_line = shlex.join(words)

    def next_metrics(self, what: str, until: float | None) -> Measured | None:
        """The metrics of the next line that has any, or None if the program exited with 0.

        Raises ProgramError, which calls them ``what``, if they are broken, if the program failed,
        or if nothing was printed by ``until``, a time of `time.monotonic`.
        """
        while (line := self._next_line(what, until)) is not None:
            try:
                found = measured(line)
            except ValueError as error:
                self._process.said.append(line)
                raise self.error(f"the line of {what} {error}") from None
            if found:
                return found
            self._process.said.append(line)
        if self._process.exit_code:
            death = _death(self._process.exit_code)
            raise self.error(f"the program {death} before it printed the metrics of {what}")
        return None

    def error(self, what: str) -> ProgramError:
        """An error with the last lines of the program and then the message."""
        said = [f"  {line[:_LONGEST_LINE]}" for line in self._process.said]
        return ProgramError("\n".join([f"$ {self._command_line}", *said, what]))

    def end(self, grace: float) -> None:
        """Ends it and its children: SIGTERM, and SIGKILL after ``grace`` seconds."""
        self._process.end(grace)

    def _next_line(self, what: str, until: float | None) -> str | None:
        try:
            return self._process.next_line(until)
        except TimeoutError:
            raise self.error(
                f"the program hangs before the metrics of {what}, or its trial_timeout is too "
                "short. Its output may wait in a buffer: flush it after every line"
            ) from None


def _death(exit_code: int) -> str:
    if exit_code > 0:
        return f"exited with code {exit_code}"
    name = next((s.name for s in signal.Signals if s == -exit_code), f"signal {-exit_code}")
    hint = " (maybe because the system was out of memory)" if -exit_code == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"
