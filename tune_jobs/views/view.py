"""What a view is: something that is shown the facts of a run and makes something of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from tune_jobs.experiment.facts import Fact
from tune_jobs.experiment.state import RunState
from tune_jobs.storage import StorageError


class View(Protocol):
    """Shown every fact once it took effect, with the state that holds it; closed at the end."""

    def __call__(self, fact: Fact, state: RunState) -> None: ...

    def close(self) -> None: ...


class Views:
    """All views of a run. One that cannot write any more is left out, and the run goes on.

    Args:
        warn: is told of that.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._views: list[View] = []

    def add(self, *views: View) -> None:
        self._views += views

    def show(self, fact: Fact, state: RunState) -> None:
        for view in list(self._views):
            with self._left_out_where_it_fails(view):
                view(fact, state)

    def close(self) -> None:
        for view in list(self._views):
            with self._left_out_where_it_fails(view):
                view.close()

    @contextmanager
    def _left_out_where_it_fails(self, view: View) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._views.remove(view)
            with suppress(StorageError):  # the journal cannot be written either, which shows next
                self._warn(f"{type(view).__name__} is not written any more: {error}")
