"""Which trials have which status, where they stand, and which ended last.

Every change keeps it up to date, so a look costs the same however many trials there are.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tune_jobs.experiment.trial import Status, Trial

ENDED_KEPT = 200  # more than a terminal has lines


class Rung(NamedTuple):
    """An epoch at which trials stopped or wait, and how many trials reported it."""

    epoch: int
    reached: int
    stopped: int
    waiting: int

    @property
    def went_on(self) -> int:
        return self.reached - self.stopped - self.waiting


@dataclass
class Census:
    """The trials of a run. Views may read it in threads of their own.

    Attributes:
        counts: how many have each status.
        reached: how many reported each epoch.
    """

    counts: Counter[Status] = field(default_factory=Counter)
    reached: Counter[int] = field(default_factory=Counter)
    _by_status: defaultdict[Status, dict[int, Trial]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _standing: defaultdict[Status, Counter[int]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    _ended: deque[Trial] = field(default_factory=lambda: deque(maxlen=ENDED_KEPT))

    def add(self, trial: Trial) -> None:
        """A trial got its status."""
        self._count(trial, 1)
        self._by_status[trial.status][trial.trial_id] = trial
        if trial.status.is_final:
            self._ended.append(trial)

    def remove(self, trial: Trial) -> None:
        """A trial is about to get another status."""
        self._count(trial, -1)
        del self._by_status[trial.status][trial.trial_id]

    def with_status(self, status: Status) -> list[Trial]:
        """By number."""
        return [trial for _, trial in sorted(self._by_status[status].items())]

    @property
    def last_ended(self) -> list[Trial]:
        """The newest first."""
        ended = {t.trial_id: t for t in reversed(list(self._ended)) if t.status.is_final}
        return list(ended.values())

    def rungs(self, stopped: Status, waiting: Status) -> list[Rung]:
        """The epochs at which trials with these statuses stand."""
        gone, here = self._standing[stopped], self._standing[waiting]
        epochs = sorted(n for n in {*list(gone), *list(here)} if n and gone[n] + here[n])
        return [Rung(n, self.reached[n], gone[n], here[n]) for n in epochs]

    def _count(self, trial: Trial, change: int) -> None:
        self.counts[trial.status] += change
        if trial.status.rests:
            self._standing[trial.status][trial.epoch] += change
