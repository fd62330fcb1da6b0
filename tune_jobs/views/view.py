"""What a view is: something that is told the facts of a run and makes something of them."""

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
    """Told every fact once it took effect, with the state that holds it; closed at the end."""

    def on_fact(self, fact: Fact, state: RunState) -> None: ...

    def close(self) -> None: ...


class Callback:
    """What happens in a run, told to your own code: derive from it, define what you want, and
    give objects of it as ``TuneJob(callbacks=[...])``.

    It runs in the driver, in turn with everything else: what takes long belongs into a thread.
    An exception in it is a warning of the run, once for every kind, and it is told what follows
    all the same.
    """

    def on_start(self, job: TuneJob, folder: Path) -> None:
        """A driver begins with the run, or goes on with it. The folder is the run's and has its
        name."""

    def on_fact(self, fact: Fact, state: RunState) -> None:
        """Something happened (`tune_jobs.experiment.facts`) and took effect; ``state`` is what
        all facts so far add up to, and is not to be changed."""

    def close(self) -> None:
        """The driver ends."""


class Views:
    """All views of a run. What goes wrong in one is a warning, and never the run's end."""

    def __init__(self) -> None:
        self._views: list[View] = []
        self._warn: Callable[[str], None] | None = None
        self._told: set[tuple[object, ...]] = set()
        self._news: list[str] = []

    def add(self, *views: View) -> None:
        self._views += views

    def start(self, callbacks: Sequence[Callback], job: TuneJob, folder: Path) -> None:
        """Adds a job's callbacks to a run that begins or goes on."""
        self.add(*callbacks)
        for callback in callbacks:
            with self.guarding(callback):
                callback.on_start(job, folder)

    def warn_by(self, warn: Callable[[str], None]) -> None:
        """From now on ``warn`` is told what goes wrong, once for every place in the code and
        type of error; and now what went wrong so far."""
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
        """What is raised inside is told after the next fact."""
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
        """A warning is a fact and comes back to `on_fact`, where more may go wrong: there are
        only so many places for that."""
        while self._warn and self._news:
            with suppress(StorageError):  # the journal cannot be written, which shows next
                self._warn(self._news.pop(0))
