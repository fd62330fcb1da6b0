"""The working folder of a trial: a model may leave it, and the next trial starts where it did."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Whereabouts:
    """The worker is in the folder in which it started, and in that of the trial while it works."""

    def __init__(self) -> None:
        self._home = self._trials = os.getcwd()

    def start(self) -> None:
        """Another trial comes."""
        self._trials = self._home

    @contextmanager
    def of_the_trial(self) -> Iterator[None]:
        """Inside, the working folder is where the trial's model went."""
        os.chdir(self._trials)
        try:
            yield
        finally:
            with suppress(FileNotFoundError):  # it was removed
                self._trials = os.getcwd()
            os.chdir(self._home)
