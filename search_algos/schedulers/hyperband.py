"""Hyperband (Li et al., JMLR 2018): successive halving at several starting points in turn.

New trials fill one bracket after the other. At a rung, the trials of a bracket pause until all
of them have arrived; the best 1/η continue, the others end. While one bracket waits, the next one
is filled, so workers do not wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Pause, Resume
from tune_jobs.search_algos.order import Loss, Ranking
from tune_jobs.search_algos.rungs import BracketPlan, hyperband_brackets
from tune_jobs.search_algos.space import Config, Space


class Hyperband(Scheduler):
    """Fills the paper's brackets in turn, from the one that stops most trials to the one that
    stops none, and then starts again.

    A bracket that is not full when no new trials come continues with those it has. A trial that
    fails counts as one that arrived and lost.

    Args:
        grace_period: no trial ends before this epoch.
        reduction_factor: η, at least 2.

    Raises ValueError for a reduction_factor below 2 or a grace_period outside 1..max_t.
    """

    pauses_trials = True
    several_metrics = True

    def __init__(
        self,
        max_t: int,
        space: Space,
        seed: int,
        *,
        grace_period: int = 1,
        reduction_factor: int = 3,
    ) -> None:
        super().__init__(max_t, space, seed)
        self._reduction_factor = reduction_factor
        self._plans = self.plans(grace_period, max_t, reduction_factor)
        self._opened = 0
        self._open: dict[int, _Bracket] = {}  # by number, with trials that have not ended
        self._due: set[int] = set()  # of them, where some can continue or have lost
        self._bracket_of: dict[int, int] = {}

    @staticmethod
    def plans(grace_period: int, max_t: int, reduction_factor: int) -> list[BracketPlan]:
        """The brackets of one round, in the order in which they are filled."""
        return hyperband_brackets(grace_period, max_t, reduction_factor)

    def on_start(self, trial_id: int, config: Config) -> None:
        newest = self._open.get(self._opened - 1)
        if newest is None or not newest.accepts_trials:
            plan = self._plans[self._opened % len(self._plans)]
            newest = self._open[self._opened] = _Bracket(plan, self._reduction_factor)
            self._opened += 1
        self._bracket_of[trial_id] = self._opened - 1
        newest.join(trial_id)

    def decide(self, trial_id: int, epoch: int, loss: Loss) -> Decision:
        number = self._bracket_of[trial_id]
        if not self._open[number].arrive(trial_id, epoch, loss):
            return Continue()
        self._changed(number)
        return Pause()

    def on_resume(self, trial_id: int) -> None:
        number = self._bracket_of[trial_id]
        self._open[number].promote(trial_id)
        self._changed(number)

    def on_end(self, trial_id: int) -> None:
        number = self._bracket_of.pop(trial_id)
        self._open[number].end(trial_id)
        self._changed(number)
        if self._open[number].finished:
            del self._open[number]

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        for rung in self._decided(exhausted):
            winner = next((t for t in rung.winners if t in rung.waiting), None)
            if winner is not None:
                return Resume(winner)
        return None

    def eliminated(self, exhausted: bool) -> Mapping[int, str]:
        reasons = {}
        for rung in self._decided(exhausted):
            kept = rung.kept
            for rank, trial_id in enumerate(rung.ranking[kept:], start=kept + 1):
                if trial_id in rung.waiting:
                    place = f"rank {rank} of {rung.size} at epoch {rung.epoch}"
                    reasons[trial_id] = f"{place}, not in the top {kept}"
        return reasons

    def _decided(self, exhausted: bool) -> Iterator[_Rung]:
        """The rungs where all are that will come, of the oldest bracket first."""
        # Only the newest bracket can still wait for new trials, so only there is it of
        # importance whether some will come.
        newest = {self._opened - 1} & self._open.keys() if exhausted else set()
        for number in sorted(self._due | newest):
            yield from self._open[number].decided(exhausted)

    def _changed(self, number: int) -> None:
        if any(rung.waiting for rung in self._open[number].decided(exhausted=False)):
            self._due.add(number)
        else:
            self._due.discard(number)


class _Rung:
    """A comparison after ``epoch``: of ``size`` trials, of whom some have arrived."""

    def __init__(self, epoch: int, reduction_factor: int) -> None:
        self.epoch = epoch
        self.size = 0  # trials that are on their way or were here
        self.waiting: set[int] = set()
        self._coming: set[int] = set()
        self._arrived = Ranking()
        self._reduction_factor = reduction_factor

    @property
    def all_here(self) -> bool:
        return self.size > 0 and not self._coming

    @property
    def kept(self) -> int:
        return max(1, self.size // self._reduction_factor)

    @property
    def ranking(self) -> list[int]:
        return self._arrived.best()

    @property
    def winners(self) -> list[int]:
        return self._arrived.best(self.kept)

    def expect(self, trial_id: int) -> None:
        self.size += 1
        self._coming.add(trial_id)

    def arrive(self, trial_id: int, loss: Loss) -> None:
        self._arrived.add(trial_id, loss)
        self._coming.discard(trial_id)
        self.waiting.add(trial_id)

    def end(self, trial_id: int) -> None:
        self._coming.discard(trial_id)
        self.waiting.discard(trial_id)


class _Bracket:
    """One run of successive halving. Members of a rung are known once the one below is
    decided; the last epoch of the plan needs no comparison."""

    def __init__(self, plan: BracketPlan, reduction_factor: int) -> None:
        self._size = plan.size
        self._rungs = [_Rung(epoch, reduction_factor) for epoch in plan.epochs[:-1]]
        self._heading: dict[int, int] = {}  # trial -> the rung it is on its way to, or waits at
        self._joined = 0
        self._cut = False  # whether a rung was decided: nobody can join any more

    @property
    def accepts_trials(self) -> bool:
        return self._joined < self._size and not self._cut

    @property
    def finished(self) -> bool:
        return not self._heading and not self.accepts_trials

    def join(self, trial_id: int) -> None:
        self._joined += 1
        self._heading[trial_id] = 0
        for rung in self._rungs[:1]:
            rung.expect(trial_id)

    def arrive(self, trial_id: int, epoch: int, loss: Loss) -> bool:
        """Whether the trial has to wait here for the others."""
        rung = self._rung_of(trial_id)
        if rung is None or epoch < rung.epoch:
            return False
        rung.arrive(trial_id, loss)
        return True

    def promote(self, trial_id: int) -> None:
        self._cut = True
        self._rungs[self._heading[trial_id]].waiting.discard(trial_id)
        self._heading[trial_id] += 1
        rung = self._rung_of(trial_id)
        if rung is not None:
            rung.expect(trial_id)

    def end(self, trial_id: int) -> None:
        rung = self._rung_of(trial_id)
        if rung is not None:
            self._cut = self._cut or trial_id in rung.waiting
            rung.end(trial_id)
        del self._heading[trial_id]

    def decided(self, exhausted: bool) -> Iterator[_Rung]:
        """The rungs where all are that will come."""
        all_came = exhausted or not self.accepts_trials
        for rung in self._rungs:
            if not (all_came and rung.all_here):
                return
            yield rung
            all_came = rung.waiting.isdisjoint(rung.winners)

    def _rung_of(self, trial_id: int) -> _Rung | None:
        heading = self._heading[trial_id]
        return self._rungs[heading] if heading < len(self._rungs) else None
