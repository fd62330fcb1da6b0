"""Views that paint in a thread of their own, so a slow or missing reader delays nobody."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque

from tune_jobs.experiment.facts import (
    Closed,
    Draining,
    Fact,
    Failed,
    Interrupted,
    Moved,
    Opened,
    Reported,
    RunResumed,
    Tested,
    Warned,
)
from tune_jobs.experiment.state import RunState
from tune_jobs.views import texts

CLOSING_SECONDS = 5.0
FIRST_EPOCH = "waiting for the first epoch"
FINAL_TEST = "testing the best trial"
WRITING = "writing the results"


class Painted(ABC):
    """A view that always paints the newest state last, however fast facts come.

    Args:
        pause: least seconds between two paintings.
    """

    def __init__(self, pause: float) -> None:
        self.state: RunState | None = None
        self._pause = pause
        self._changed, self._closing = threading.Event(), threading.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._work, name=type(self).__name__, daemon=True)
        self._thread.start()

    @abstractmethod
    def doing(self, what: str) -> None:
        """The driver begins something that takes a while, before the first fact."""

    @abstractmethod
    def note(self, fact: Fact, state: RunState) -> None:
        """Keeps what it needs of a fact until the next painting; called by the driver."""

    @abstractmethod
    def paint(self) -> None:
        """Called again and again, with pauses."""

    @property
    def tick(self) -> float | None:
        """Seconds after which it paints without news, or None."""
        return None

    def finish(self) -> None:
        """After the last painting."""

    def on_fact(self, fact: Fact, state: RunState) -> None:
        self.state = state
        self.note(fact, state)
        self._changed.set()
        if self._closing.is_set():
            self.paint()
        self._raise_trouble()

    def close(self) -> None:
        """Returns when everything is painted. Raises TimeoutError if nobody reads."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._changed.set()
        self._thread.join(CLOSING_SECONDS)
        if self._thread.is_alive():
            raise TimeoutError("nobody reads the output")
        try:
            self.paint()
        finally:
            self.finish()
        self._raise_trouble()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._changed.wait(self.tick)
            self._changed.clear()
            try:
                self.paint()
            except Exception as error:
                self._trouble = error
            self._closing.wait(self._pause)

    def _raise_trouble(self) -> None:
        trouble, self._trouble = self._trouble, None
        if trouble:
            raise trouble


class Picture(Painted):
    """A view that is one picture of the state, with the latest news.

    Args:
        news: how many of them, at most, wait to be painted.
        began: when the command of the run started, in seconds since 1970.
    """

    def __init__(self, pause: float, news: int, began: float) -> None:
        self.news: deque[str] = deque(maxlen=news)
        self._seen = began  # the last fact
        self._doing = ""
        super().__init__(pause)

    def doing(self, what: str) -> None:
        self._doing = what
        self._changed.set()

    def note(self, fact: Fact, state: RunState) -> None:
        self._seen = time.time()
        if isinstance(fact, (Reported, Tested, Closed)):
            self._doing = ""
        elif isinstance(fact, (Opened, RunResumed)) or not state.epochs_total:
            self._doing = FIRST_EPOCH
        elif self._doing != FIRST_EPOCH:  # of a run that is watched from now on
            self._doing = ""
        if isinstance(fact, (Failed, Moved, Warned, Interrupted, Draining)):
            self.news.append(texts.describe(fact, state))

    @property
    def waits_for(self) -> str:
        """What everybody waits for; empty while trials train."""
        state = self.state
        if self._closing.is_set():
            return ""
        if state and state.closed:
            return WRITING
        if state and state.incumbent and not state.tested and state.ended >= state.extent.trials:
            return FINAL_TEST
        return self._doing

    @property
    def tick(self) -> float:
        return self._pause if self.waits_for else 1.0

    @property
    def took(self) -> str:
        """The time so far; it also grows between two facts."""
        if self.state and self.state.closed:
            return texts.clock(self.state.seconds)
        before = self.state.seconds if self.state else 0.0
        return texts.clock(before + max(0.0, time.time() - self._seen))

    @property
    def left(self) -> str:
        """How long it will take, or what it waits for."""
        return self.waits_for or (texts.time_left(self.state) if self.state else "")
