"""How an experiment asks its searcher: directly, or in the background."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from enum import Enum
from typing import Final, Literal, Protocol

from tune_jobs.experiment.blame import blaming
from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config


class Answer(Enum):
    NOT_YET = "not yet"


NOT_YET: Final = Answer.NOT_YET
"""The searcher has no answer yet: ask again."""

_PATIENCE = 0.01  # seconds; most searchers answer sooner, and no report waits noticeably


class Suggest(Protocol):
    """The config of trial ``index``, None if the space is exhausted, or NOT_YET.

    ``alone`` means that no trial is running, so there is nothing to do but wait.
    """

    def __call__(
        self, index: int, history: History, alone: bool
    ) -> Config | Literal[Answer.NOT_YET] | None: ...


class AtOnce:
    """Asks and waits."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher

    def __call__(self, index: int, history: History, alone: bool) -> Config | None:
        return _asked(self._searcher, index, history)


class InBackground:
    """Asks in a thread, so that reports of running trials do not wait for the answer.

    The searcher sees the history at the time of the question, whatever is reported later.
    """

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher
        self._thread = ThreadPoolExecutor(1, "searcher")
        self._thread.submit(searcher.prepare)
        self._asked: Future[Config | None] | None = None

    def __call__(
        self, index: int, history: History, alone: bool
    ) -> Config | Literal[Answer.NOT_YET] | None:
        if self._asked is None:
            self._asked = self._thread.submit(_asked, self._searcher, index, history.snapshot())
        wait([self._asked], None if alone else _PATIENCE)
        if not self._asked.done():
            return NOT_YET
        answered, self._asked = self._asked, None
        return answered.result()


def _asked(searcher: Searcher, index: int, history: History) -> Config | None:
    with blaming(searcher):
        return searcher.suggest_new(index, history)
