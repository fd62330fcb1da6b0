"""Schedulers that pause and clone on purpose, so that executors can be seen doing it."""

from __future__ import annotations

from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Exploit, Pause, Resume
from tune_jobs.search_algos.space import Space


class Puller(Scheduler):
    """Pauses every trial after its second epoch and, when no new ones come, resumes the best
    first."""

    pauses_trials = True

    def __init__(self, max_t: int, space: Space, seed: int) -> None:
        super().__init__(max_t, space, seed)
        self.waiting: dict[int, float] = {}

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        if epoch != 2:
            return Continue()
        self.waiting[trial_id] = loss
        return Pause()

    def on_resume(self, trial_id: int) -> None:
        del self.waiting[trial_id]

    def on_end(self, trial_id: int) -> None:
        self.waiting.pop(trial_id, None)

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        if not exhausted or not self.waiting:
            return None
        return Resume(min(self.waiting, key=self.waiting.__getitem__))


class Forgetful(Puller):
    """Pauses and never resumes."""

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        return None


class Copier(Scheduler):
    """After epoch 2, every later trial goes on from trial 0 with a config of its own."""

    clones_trials = True

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        if epoch == 2 and trial_id > 0:
            return Exploit(0, {"x": 0.9 + trial_id / 100})
        return Continue()
