"""Which trial a model is trained for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory


class Trial:
    """Args:
        number: of the trial; 0 outside of a run.
        epoch: that is trained, from 1; 0 before the first one.
        make_folder: makes the folder of the trial; by default there is a temporary one.

    A model, and a training function, only read it.
    """

    def __init__(
        self, number: int = 0, epoch: int = 0, make_folder: Callable[[], Path] | None = None
    ) -> None:
        self.number = number
        self.epoch = epoch
        self._make_folder = make_folder

    @cached_property
    def folder(self) -> Path:
        """For pictures, tables and other files of the trial; kept with the run. A trial that
        starts again finds its files there.

        Raises TrainingError if the run is kept in a bucket.
        """
        if self._make_folder:
            return self._make_folder()
        self._temporary = TemporaryDirectory(prefix="tune-jobs-trial-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Inside, `trial` returns this one."""
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)


_current: ContextVar[Trial | None] = ContextVar("trial", default=None)


def trial() -> Trial:
    """The trial that is trained here. Outside of a run, a new one with the number 0 and a temporary
    folder, so that a model or a function can be tried by hand."""
    return _current.get() or Trial()
