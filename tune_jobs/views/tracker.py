"""What callbacks for experiment trackers share: each trial is a run in the tracker."""

from __future__ import annotations

import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty, Full, Queue, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from tune_jobs.experiment.facts import (
    Closed,
    Completed,
    Fact,
    Failed,
    Reported,
    Stopped,
    Suggested,
    Tested,
    TrialResumed,
)
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.views.texts import test_name
from tune_jobs.views.view import Callback

Theirs = TypeVar("Theirs")

WAITING_AT_MOST = 10_000  # facts that the tracker has not taken yet
CLOSING_SECONDS = 60.0


class Tracker(Callback, ABC, Generic[Theirs]):
    """Writes trials to a tracker, in a thread of its own: a slow or unreachable tracker delays
    nothing. Only running trials have an open run there.
    """

    job: TuneJob
    run: str  # its name
    key: str  # its name, and what no other run of that name has
    constants: Mapping[str, Any]  # of every config

    @abstractmethod
    def open_run(self, trial_id: int, config: Mapping[str, Any]) -> Theirs:
        """A trial starts or continues, maybe under another driver or with a new config;
        ``config`` is the searched part of it."""

    @abstractmethod
    def log(self, theirs: Theirs, epoch: int, time: float, metrics: Mapping[str, float]) -> None:
        """``time`` is in seconds since 1970."""

    @abstractmethod
    def close_run(self, theirs: Theirs, status: Status, summary: Mapping[str, Any]) -> None:
        """A trial ended, paused, was tested after its end, or is still RUNNING when the driver
        ends."""

    def on_start(self, job: TuneJob, folder: Path) -> None:
        started = json.loads((folder / "job.json").read_text())["started"]
        self.job, self.run = job, folder.name
        self.key = f"{folder.name}-{zlib.crc32(started.encode()):08x}"
        self.constants = job.constants()
        self._open: dict[int, Theirs] = {}
        self._work: Queue[Callable[[], object] | None] = Queue(WAITING_AT_MOST)
        self._troubles: SimpleQueue[Exception] = SimpleQueue()
        self._thread = Thread(target=self._do_work, name=type(self).__name__, daemon=True)
        self._thread.start()

    def on_fact(self, fact: Fact, state: RunState) -> None:
        match fact:
            case Suggested() | TrialResumed():
                self._at_work(fact.trial_id, state)
            case Reported():
                self._report(fact, state)
            case Stopped() | Completed() | Failed(retry=False):
                self._at_rest(fact.trial_id, state)
            case Tested(metrics=metrics):
                self._at_work(fact.trial_id, state)
                self._at_rest(fact.trial_id, state, metrics)
            case Closed():
                self._later(self._leave_open_ones)
        self._tell_troubles()

    def close(self) -> None:
        self._work.put(None, timeout=CLOSING_SECONDS)
        self._thread.join(CLOSING_SECONDS)
        if self._thread.is_alive():
            raise TimeoutError(f"has not received everything within {CLOSING_SECONDS:g} s")
        self._tell_troubles()

    def _report(self, fact: Reported, state: RunState) -> None:
        theirs = self._at_work(fact.trial_id, state)
        self._later(lambda: self.log(theirs(), fact.epoch, fact.time, fact.metrics))
        if state.trials[fact.trial_id].status is not Status.RUNNING:
            self._at_rest(fact.trial_id, state)

    def _at_work(self, trial_id: int, state: RunState) -> Callable[[], Theirs]:
        config = state.trials[trial_id].config

        def theirs() -> Theirs:
            if trial_id not in self._open:
                self._open[trial_id] = self.open_run(trial_id, config)
            return self._open[trial_id]

        self._later(theirs)
        return theirs

    def _at_rest(
        self, trial_id: int, state: RunState, tested: Mapping[str, float] | None = None
    ) -> None:
        trial, status = state.trials[trial_id], state.trials[trial_id].status
        summary: dict[str, Any] = {"epochs": trial.epoch, "status": status.value}
        summary |= {test_name(name): value for name, value in (tested or {}).items()}
        if trial.best_epoch:
            best = state.objective.values(trial.best_loss)
            summary |= {f"best_{metric}": value for metric, value in best.items()}

        def rest() -> None:
            if trial_id in self._open:
                self.close_run(self._open.pop(trial_id), status, summary)

        self._later(rest)

    def _leave_open_ones(self) -> None:
        while self._open:
            self.close_run(self._open.popitem()[1], Status.RUNNING, {})

    def _later(self, work: Callable[[], object]) -> None:
        try:
            self._work.put_nowait(work)
        except Full:
            raise RuntimeError(f"is {WAITING_AT_MOST} facts behind: some are left out") from None

    def _do_work(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception as error:
                self._troubles.put(error)

    def _tell_troubles(self) -> None:
        try:
            raise self._troubles.get_nowait()
        except Empty:
            pass
