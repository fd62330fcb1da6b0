"""Hyperband (Li et al., JMLR 2018): successive halving at several starting points in turn.

New trials fill one bracket after the other. At a rung, the trials of a bracket pause until all
of them have arrived; the best 1/η continue, the others end. While one bracket waits, the next one
is filled, so workers do not wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Pause, Resume
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
        self._open: list[_Bracket] = []  # with trials that have not ended
        self._bracket_of: dict[int, _Bracket] = {}

    @staticmethod
    def plans(grace_period: int, max_t: int, reduction_factor: int) -> list[BracketPlan]:
        """The brackets of one round, in the order in which they are filled."""
        return hyperband_brackets(grace_period, max_t, reduction_factor)

    def on_start(self, trial_id: int, config: Config) -> None:
        if not self._open or not self._open[-1].accepts_trials:
            plan = self._plans[self._opened % len(self._plans)]
            self._open.append(_Bracket(plan, self._reduction_factor))
            self._opened += 1
        self._bracket_of[trial_id] = self._open[-1]
        self._open[-1].join(trial_id)

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        waits = self._bracket_of[trial_id].arrive(trial_id, epoch, loss)
        return Pause() if waits else Continue()

    def on_resume(self, trial_id: int) -> None:
        self._bracket_of[trial_id].promote(trial_id)

    def on_end(self, trial_id: int) -> None:
        bracket = self._bracket_of.pop(trial_id)
        bracket.end(trial_id)
        if bracket.finished:
            self._open.remove(bracket)

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        for bracket in self._open:
            for rung in bracket.decided(exhausted):
                winner = next((t for t in rung.winners if t in rung.waiting), None)
                if winner is not None:
                    return Resume(winner)
        return None

    def eliminated(self, exhausted: bool) -> Mapping[int, str]:
        reasons = {}
        for bracket in self._open:
            for rung in bracket.decided(exhausted):
                kept = len(rung.winners)
                for rank, trial_id in enumerate(rung.ranking, start=1):
                    if rank > kept and trial_id in rung.waiting:
                        place = f"rank {rank} of {rung.size} at epoch {rung.epoch}"
                        reasons[trial_id] = f"{place}, not in the top {kept}"
        return reasons


class _Rung:
    """A comparison after ``epoch``: of ``members``, of whom some have arrived."""

    def __init__(self, epoch: int, reduction_factor: int) -> None:
        self.epoch = epoch
        self.members: set[int] = set()  # that are on their way or were here
        self.waiting: set[int] = set()
        self._losses: dict[int, float] = {}
        self._gone: set[int] = set()
        self._reduction_factor = reduction_factor

    @property
    def size(self) -> int:
        return len(self.members)

    @property
    def all_here(self) -> bool:
        return self.members == self._losses.keys() | self._gone

    @property
    def ranking(self) -> list[int]:
        return sorted(self._losses, key=lambda trial_id: (self._losses[trial_id], trial_id))

    @property
    def winners(self) -> list[int]:
        return self.ranking[: max(1, self.size // self._reduction_factor)]

    def arrive(self, trial_id: int, loss: float) -> None:
        self._losses[trial_id] = loss
        self.waiting.add(trial_id)

    def end(self, trial_id: int) -> None:
        self._gone.add(trial_id)
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
            rung.members.add(trial_id)

    def arrive(self, trial_id: int, epoch: int, loss: float) -> bool:
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
            rung.members.add(trial_id)

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
            if not (all_came and rung.members and rung.all_here):
                return
            yield rung
            all_came = all_came and not set(rung.winners) & rung.waiting

    def _rung_of(self, trial_id: int) -> _Rung | None:
        heading = self._heading[trial_id]
        return self._rungs[heading] if heading < len(self._rungs) else None
