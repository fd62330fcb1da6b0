"""ASHA, the Asynchronous Successive Halving Algorithm (Li et al., MLSys 2020).

At a rung, a trial is compared with all trials that reached it before. No trial waits for a rung
to fill.

Several metrics are compared by non-dominated rank, as in MO-ASHA (Schmucker et al., 2021).

`mode="stop"`: a trial continues if it is among the best 1/η at that moment, itself included and
rounded up, and stops otherwise. `mode="promote"`, the paper's algorithm: a trial that is not
among the best 1/η, rounded down, pauses, and continues when later arrivals make it one of them.

Deliberate differences from Ray Tune's ASHA: the cut is a rank, not an interpolated
percentile, so an increasing transform of the metric changes nothing; rungs are computed with
whole numbers; a loss that is not finite stops the trial and does not enter a rung; the bracket
of a trial is drawn from the job's seed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Literal

from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Pause, Resume, Stop
from tune_jobs.search_algos.order import Loss, Ranking
from tune_jobs.search_algos.rungs import milestones
from tune_jobs.search_algos.space import Config, Space


class ASHA(Scheduler):
    """Continues only the best 1/reduction_factor of the trials at every rung.

    Args:
        grace_period: first rung in epochs; no trial is stopped before it.
        reduction_factor: η, at least 2. Rungs are at grace_period · η^k, below max_t.
        mode: whether the others stop, or pause and may be promoted later. Promoting costs no more
            than stopping, and saves good trials that came too early.
        brackets: of trials, compared only among themselves; the k-th starts at rung k. A new
            trial joins bracket k with a chance proportional to η^-k.

    Raises ValueError for a reduction_factor below 2, a grace_period outside 1..max_t, another
    mode, or more brackets than there are rungs.
    """

    pauses_trials = True
    can_grow = True
    several_metrics = True

    def __init__(
        self,
        max_t: int,
        space: Space,
        seed: int,
        *,
        grace_period: int = 1,
        reduction_factor: int = 3,
        mode: Literal["stop", "promote"] = "stop",
        brackets: int = 1,
    ) -> None:
        super().__init__(max_t, space, seed)
        epochs = milestones(grace_period, max_t, reduction_factor)
        if mode not in ("stop", "promote"):
            raise ValueError(f"mode is {mode!r}; it must be 'stop' or 'promote'")
        if not 1 <= brackets <= max(1, len(epochs)):
            raise ValueError(
                f"brackets is {brackets}; with rungs at {epochs} it must be 1 to "
                f"{max(1, len(epochs))}"
            )
        self._promotes = mode == "promote"
        self._brackets = [
            {epoch: _Rung(epoch, reduction_factor) for epoch in epochs[k:]} for k in range(brackets)
        ]
        weights = [reduction_factor**-k for k in range(brackets)]
        self._shares = [sum(weights[:k]) / sum(weights) for k in range(1, brackets)]
        self._bracket_of: dict[int, int] = {}
        self._at_work: set[int] = set()
        self._reported: dict[int, int] = {}  # the last epoch of each living trial

    def on_start(self, trial_id: int, config: Config) -> None:
        self._bracket_of[trial_id] = bisect_left(self._shares, self.rng(trial_id).random())
        self._at_work.add(trial_id)

    def decide(self, trial_id: int, epoch: int, loss: Loss) -> Decision:
        rung = self._reached(trial_id, epoch)
        if rung is None:
            return Continue()
        rank = rung.arrive(trial_id, loss)
        if self._promotes:
            if rank < rung.promotable(least=0):
                return Continue()
            rung.hold(trial_id)
            self._at_work.discard(trial_id)
            return Pause()
        if rank < rung.survivors:
            return Continue()
        return Stop(
            f"rank {rank + 1} of {len(rung)} at epoch {epoch}, not in the top {rung.survivors}"
        )

    def on_resume(self, trial_id: int) -> None:
        self._at_work.add(trial_id)
        self._leave(trial_id)

    def on_end(self, trial_id: int) -> None:
        self._at_work.discard(trial_id)
        self._reported.pop(trial_id, None)
        self._leave(trial_id)

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        if not self._promotes:
            return None
        # When nothing else can run, the best of a rung continues however few it holds, so that
        # even a few trials bring one to its end.
        least = 1 if exhausted and not self._at_work else 0
        for rung in self._rungs_from_the_top():
            trial_id = rung.next_promoted(least)
            if trial_id is not None:
                return Resume(trial_id)
        return None

    def _reached(self, trial_id: int, epoch: int) -> _Rung | None:
        """The rung at this epoch; or one since the last report, which had no loss there."""
        bracket = self._brackets[self._bracket_of[trial_id]]
        last, self._reported[trial_id] = self._reported.get(trial_id, 0), epoch
        passed = [milestone for milestone in bracket if last < milestone <= epoch]
        return bracket[max(passed)] if passed else None

    def _leave(self, trial_id: int) -> None:
        for rung in self._rungs_from_the_top():
            rung.release(trial_id)

    def _rungs_from_the_top(self) -> Iterator[_Rung]:
        for bracket in self._brackets:
            yield from reversed(bracket.values())


class _Rung:
    """The trials that reached one epoch, and those of them that wait there."""

    def __init__(self, epoch: int, reduction_factor: int) -> None:
        self.epoch = epoch
        self._reduction_factor = reduction_factor
        self._arrived = Ranking()

    def __len__(self) -> int:
        return len(self._arrived)

    @property
    def survivors(self) -> int:
        """The best 1/η, rounded up."""
        return -(-len(self._arrived) // self._reduction_factor)

    def promotable(self, least: int) -> int:
        """The best 1/η, rounded down."""
        return max(least, len(self._arrived) // self._reduction_factor)

    def arrive(self, trial_id: int, loss: Loss) -> int:
        """Returns how many are better."""
        return self._arrived.add(trial_id, loss)

    def hold(self, trial_id: int) -> None:
        self._arrived.hold(trial_id)

    def release(self, trial_id: int) -> None:
        self._arrived.release(trial_id)

    def next_promoted(self, least: int) -> int | None:
        """The best that waits, if it is among the best of all."""
        return self._arrived.first_waiting(self.promotable(least))
