"""What each Ray trial does now, and what it does next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from ray.tune.experiment import Trial as RayTrial

from tune_jobs.errors import UserError
from tune_jobs.experiment.assignments import Assignment, FinalTest, Train
from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.facts import Fact, Interrupted, Reported, Stopped
from tune_jobs.experiment.state import RunState
from tune_jobs.on_ray.deaths import Death
from tune_jobs.on_ray.growth import Room, left_in
from tune_jobs.on_ray.trainable import ASSIGNMENT, Report
from tune_jobs.on_ray.watchdog import Hangs
from tune_jobs.runs.books import Books
from tune_jobs.runs.interrupt import Interrupt
from tune_jobs.search_algos.decisions import Decision, Exploit, Pause, Stop

Slot = int | Literal["test"]
"""What an actor works on: a trial, by its number, or the final test."""


class Dispatcher:
    """Brings the experiment's assignments to Ray trials, and their reports back.

    A Ray trial has an assignment in its config. Pausing, promoting, cloning, restarting and moving
    are all the same here: a Ray trial gets its next assignment and starts again on a free actor.
    No checkpoint of Ray is involved. It is a view of the run too: it sees which paused trials end.

    Args:
        room: for how many trials there is room.
        time_budget: in seconds, for all drivers of the run together, or None.
        hangs: knows which workers were killed because they hung.
        books: know about failures of the storage.
        interrupt: whether the run was asked to end.
    """

    def __init__(
        self,
        experiment: Experiment,
        room: Room,
        time_budget: float | None,
        hangs: Hangs,
        books: Books,
        interrupt: Interrupt,
    ) -> None:
        self.experiment = experiment
        self.fatal: UserError | None = None  # why the run cannot go on
        self.interrupt = interrupt
        self._busy: dict[Slot, RayTrial | None] = {}  # None until Ray has made one for it
        self._paused: dict[int, RayTrial] = {}
        self._given_up: list[RayTrial] = []  # of paused trials that ended
        self._to_start: list[RayTrial] = []
        self._room = room
        self._time_budget = time_budget
        self._hangs = hangs
        self._books = books
        self._started = time.monotonic()
        self._spent_before = experiment.state.seconds  # by earlier drivers

    def __getstate__(self) -> None:
        """Ray pickles what it gets, for a restore of its own that nobody uses."""

    def is_at_work(self) -> bool:
        """Whether a worker is training an epoch; a starting worker is not."""
        return any(t and t.status == RayTrial.RUNNING for t in list(self._busy.values()))

    def has_no_more_work(self) -> bool:
        return self.fatal is not None or self.experiment.finished

    def end_if_interrupted(self) -> None:
        """Raises KeyboardInterrupt if the run was asked to end and nothing is running. Ray Tune
        would wait for workers that are starting, or for a first trial."""
        if self.interrupt.asked and not self.is_at_work():
            raise KeyboardInterrupt

    def next_assignment(self) -> Assignment | None:
        """Work for a new Ray trial if a slot is free; or a paused Ray trial starts instead."""
        with self._ending_the_run():
            self._watch()
            wanted = left_in(self.experiment.state)
            while not self.interrupt.asked and len(self._busy) < self._room.slots():
                work = self.experiment.next()
                if work is None:
                    wanted = len(self._busy)
                    break
                ray_trial = self._take_paused(work)
                self._busy[_slot(work)] = ray_trial
                if ray_trial is None:
                    return work
                self._start_again(ray_trial, work)
            if waited_for := self._room.ask_for(wanted):
                self.experiment.warn(waited_for)
        return None

    def added(self, ray_trial: RayTrial) -> None:
        """Ray made a trial for the last assignment, or put one that died into its queue."""
        slot = _slot(_assignment_of(ray_trial))
        if slot in self._busy:
            self._busy[slot] = ray_trial

    def report(self, ray_trial: RayTrial, report: Report) -> Decision:
        """What a Ray trial does after its report."""
        work = _assignment_of(ray_trial)
        decision: Decision = Stop("the run cannot go on")
        with self._ending_the_run():
            decision = self._decide(work, report)
        if self.interrupt.asked:
            decision = Stop("the run continues when it is resumed")
        if isinstance(decision, (Stop, Pause)):
            self._busy.pop(_slot(work), None)
        if isinstance(work, Train):
            self._keep(ray_trial, work.trial_id, decision)
        return decision

    def fail(self, ray_trial: RayTrial, death: Death) -> bool:
        """Whether a Ray trial that died should start again, with its new assignment."""
        work = _assignment_of(ray_trial)
        if death.kind == "silent":
            death = replace(death, text=self._hangs.explain(work, death.text))
        again = False
        with self._ending_the_run():
            if isinstance(work, FinalTest):
                again = self._test_failed(work, death)
            else:
                again = self._trial_failed(work, death)
                ray_trial.set_config({ASSIGNMENT: self.experiment.train(work.trial_id)})
        again = again and not self.interrupt.asked and self.fatal is None
        if not again:
            self._busy.pop(_slot(work), None)
        return again

    def first_to_start(self) -> RayTrial | None:
        """The next one, the same until Ray has taken it."""
        self._to_start = [trial for trial in self._to_start if trial.status == RayTrial.PAUSED]
        return self._to_start[0] if self._to_start else None

    def on_fact(self, fact: Fact, state: RunState) -> None:
        if isinstance(fact, Stopped) and fact.trial_id in self._paused:
            self._given_up.append(self._paused.pop(fact.trial_id))

    def close(self) -> None:
        """As a view: there is nothing to show."""

    def take_paused_for_good(self) -> list[RayTrial]:
        """The Ray trials of paused trials that will never continue."""
        given_up, self._given_up = self._given_up, []
        return given_up

    def _take_paused(self, work: Assignment) -> RayTrial | None:
        return self._paused.pop(work.trial_id, None) if isinstance(work, Train) else None

    def _keep(self, ray_trial: RayTrial, trial_id: int, decision: Decision) -> None:
        """Keeps the Ray trial of a trial that continues later, or at once as a clone."""
        if isinstance(decision, Pause):
            self._paused[trial_id] = ray_trial
        if isinstance(decision, Exploit):
            self._start_again(ray_trial, self.experiment.train(trial_id))

    def _decide(self, work: Assignment, report: Report) -> Decision:
        if isinstance(work, FinalTest):
            self.experiment.tested(work, report.metrics)
            return Stop("tested")
        self._watch()
        for warning in report.warnings:
            self.experiment.warn(warning)
        if report.done:
            self.experiment.complete(work.trial_id, report.done)
            return Stop(report.done)
        return self.experiment.report(_reported(work.trial_id, report))

    def _trial_failed(self, work: Train, death: Death) -> bool:
        trial_id, again = work.trial_id, False
        match death.kind:
            case "hopeless":  # no fault of the trial's, which waits for a resume
                self.fatal = UserError(death.text)
                return False
            case "told to go":
                again = self.experiment.move(trial_id, death.text, told=True)
            case "node lost":
                again = self.experiment.move(trial_id, death.text)
            case "refused":
                self.experiment.refuse(trial_id, death.text)
            case "error" | "silent":
                again = self.experiment.fail(trial_id, death.text)
        if self.experiment.hopeless:
            self.fatal = UserError(f"{self.experiment.hopeless}:\n{death.text}")
        return again

    def _test_failed(self, work: FinalTest, death: Death) -> bool:
        if death.kind == "hopeless":
            self.fatal = UserError(death.text)
            return False
        return death.kind == "told to go" or self.experiment.test_failed(work, death.text)

    @contextmanager
    def _ending_the_run(self) -> Iterator[None]:
        """Inside, an error that must end the run does so, instead of passing through Ray."""
        try:
            yield
        except UserError as error:
            self.fatal = error

    def _start_again(self, ray_trial: RayTrial, work: Assignment) -> None:
        """The Ray trial, paused now or soon, continues with new work."""
        ray_trial.set_config({ASSIGNMENT: work})
        self._to_start.append(ray_trial)

    def _watch(self) -> None:
        """Handles what may have come from outside since the last call."""
        if trouble := self._books.trouble():
            raise trouble
        for news in self._books.news():
            self.experiment.warn(news)
        if self.interrupt.is_news():
            self.experiment.record(Interrupted(signal=self.interrupt.name))
        spent = self._spent_before + time.monotonic() - self._started
        if self._time_budget is not None and spent > self._time_budget:
            self.experiment.drain(f"the time budget of {self._time_budget:g} s is used up")


def _assignment_of(ray_trial: RayTrial) -> Assignment:
    work: Assignment = ray_trial.config[ASSIGNMENT]
    return work


def _slot(work: Assignment) -> Slot:
    return work.trial_id if isinstance(work, Train) else "test"


def _reported(trial_id: int, report: Report) -> Reported:
    return Reported(
        trial_id=trial_id,
        epoch=report.epoch,
        metrics=dict(report.metrics),
        seconds=report.seconds,
        node=report.node,
        checkpoint_bytes=report.checkpoint_bytes,
        usage=report.usage,
    )
