"""The contract of a view: it gets the facts of a run and shows them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tune_jobs.experiment.facts import Fact
from tune_jobs.experiment.state import RunState
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.storage import StorageError


class View(Protocol):
    """Gets every fact after it took effect, with the state that includes it; closed at the end."""

    def on_fact(self, fact: Fact, state: RunState) -> None: ...

    def close(self) -> None: ...


class Callback:
    """Your own code in a run: derive a class, define the methods that you need, and give objects
    of it as ``TuneJob(callbacks=[...])``.

    It runs in the driver, which waits for it: do slow work in a thread. An exception in it is a
    warning of the run, once for each kind; it still gets the facts that follow.
    """

    def on_start(self, job: TuneJob, folder: Path) -> None:
        """A driver starts the run, or continues it. ``folder`` is the run's folder and has its
        name."""

    def on_fact(self, fact: Fact, state: RunState) -> None:
        """Something happened (`tune_jobs.experiment.facts`) and took effect; ``state`` is the
        state after it. Do not change it."""

    def close(self) -> None:
        """The driver ends."""


class Views:
    """All views of a run. An error in one of them is a warning and never ends the run."""

    def __init__(self) -> None:
        self._views: list[View] = []
        self._warn: Callable[[str], None] | None = None
        self._told: set[tuple[object, ...]] = set()
        self._news: list[str] = []

    def add(self, *views: View) -> None:
        self._views += views

    def start(self, callbacks: Sequence[Callback], job: TuneJob, folder: Path) -> None:
        """Adds a job's callbacks to a run that starts or continues."""
        self.add(*callbacks)
        for callback in callbacks:
            with self.guarding(callback):
                callback.on_start(job, folder)

    def warn_by(self, warn: Callable[[str], None]) -> None:
        """Calls ``warn`` with errors from now on, once for each place in the code and type of
        error; and now with the errors so far."""
        self._warn = warn
        self._tell()

    def on_fact(self, fact: Fact, state: RunState) -> None:
        for view in self._views:
            with self.guarding(view):
                view.on_fact(fact, state)
        self._tell()

    def close(self) -> None:
        for view in self._views:
            with self.guarding(view):
                view.close()
        self._tell()

    @contextmanager
    def guarding(self, view: View) -> Iterator[None]:
        """Inside, an exception is kept; it becomes a warning after the next fact."""
        try:
            yield
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = (id(view), type(error).__qualname__, place.filename, place.lineno)
            if kind not in self._told:
                self._told.add(kind)
                said = "".join(traceback.format_exception_only(error)).strip()
                where = f"{Path(place.filename).name}, line {place.lineno}"
                self._news.append(f"{type(view).__name__}: {said} ({where})")

    def _tell(self) -> None:
        """A warning is a fact and goes to `on_fact` again, which may raise again. This ends,
        because each place warns only once."""
        while self._warn and self._news:
            with suppress(
                StorageError
            ):  # the journal cannot be written; the next fact will show it
                self._warn(self._news.pop(0))
