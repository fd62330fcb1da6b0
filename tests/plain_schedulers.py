"""Schedulers written down plainly: they look at everything again for every question. The real ones
must decide the same."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Pause, Resume, Stop
from tune_jobs.search_algos.rungs import hyperband_brackets, milestones
from tune_jobs.search_algos.space import Config, Space


class PlainASHA(Scheduler):
    """With one bracket."""

    pauses_trials = True

    def __init__(
        self, max_t: int, space: Space, seed: int, *, reduction_factor: int = 3, mode: str = "stop"
    ) -> None:
        super().__init__(max_t, space, seed)
        self.eta, self.mode = reduction_factor, mode
        self.rungs: dict[int, dict[int, float]] = {
            epoch: {} for epoch in milestones(1, max_t, reduction_factor)
        }
        self.waiting: dict[int, int] = {}  # trial -> epoch
        self.at_work: set[int] = set()

    def on_start(self, trial_id: int, config: Config) -> None:
        self.at_work.add(trial_id)

    def on_resume(self, trial_id: int) -> None:
        self.at_work.add(trial_id)
        del self.waiting[trial_id]

    def on_end(self, trial_id: int) -> None:
        self.at_work.discard(trial_id)
        self.waiting.pop(trial_id, None)

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        if epoch not in self.rungs:
            return Continue()
        rung = self.rungs[epoch]
        rung[trial_id] = loss
        rank, count = sum(other < loss for other in rung.values()), len(rung)
        if self.mode == "promote":
            if rank < count // self.eta:
                return Continue()
            self.waiting[trial_id] = epoch
            self.at_work.discard(trial_id)
            return Pause()
        best = -(-count // self.eta)
        if rank < best:
            return Continue()
        return Stop(f"rank {rank + 1} of {count} at epoch {epoch}, not in the top {best}")

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        for epoch, rung in reversed(self.rungs.items()):
            best = max(len(rung) // self.eta, int(exhausted and not self.at_work))
            for _, trial_id in sorted((loss, trial_id) for trial_id, loss in rung.items())[:best]:
                if self.waiting.get(trial_id) == epoch:
                    return Resume(trial_id)
        return None


class PlainMedian(Scheduler):
    rank_based = False

    def __init__(self, max_t: int, space: Space, seed: int) -> None:
        super().__init__(max_t, space, seed)
        self.losses: dict[int, list[float]] = {}
        self.means: dict[int, list[float]] = {}

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        losses = self.losses.setdefault(trial_id, [])
        losses.append(loss)
        others = list(self.means.setdefault(epoch, []))
        self.means[epoch].append(sum(losses) / epoch)
        if len(others) < 3 or epoch >= self.max_t or min(losses) <= median(others):
            return Continue()
        return Stop(f"its best is worse than the median of {len(others)} others at epoch {epoch}")


class PlainHyperband(Scheduler):
    pauses_trials = True

    def __init__(self, max_t: int, space: Space, seed: int, *, reduction_factor: int = 3) -> None:
        super().__init__(max_t, space, seed)
        self.eta = reduction_factor
        self.plans = hyperband_brackets(1, max_t, reduction_factor)
        self.brackets: list[dict[str, Any]] = []

    def full(self, bracket: Mapping[str, Any]) -> bool:
        return len(bracket["members"][0]) >= bracket["plan"].size or bracket["cut"]

    def on_start(self, trial_id: int, config: Config) -> None:
        if not self.brackets or self.full(self.brackets[-1]):
            plan = self.plans[len(self.brackets) % len(self.plans)]
            empty: dict[str, Any] = {"plan": plan, "cut": False}
            empty |= {what: [{} for _ in plan.epochs] for what in ("members", "losses")}
            self.brackets.append(empty)
        self.brackets[-1]["members"][0][trial_id] = "on its way"

    def place(self, trial_id: int) -> tuple[dict[str, Any], int]:
        """The bracket of a trial and the rung to which it came last."""
        (bracket,) = (b for b in self.brackets if trial_id in b["members"][0])
        return bracket, max(n for n, rung in enumerate(bracket["members"]) if trial_id in rung)

    def decide(self, trial_id: int, epoch: int, loss: float) -> Decision:
        bracket, rung = self.place(trial_id)
        if rung == len(bracket["plan"].epochs) - 1 or epoch < bracket["plan"].epochs[rung]:
            return Continue()
        bracket["members"][rung][trial_id] = "waits"
        bracket["losses"][rung][trial_id] = loss
        return Pause()

    def on_resume(self, trial_id: int) -> None:
        bracket, rung = self.place(trial_id)
        bracket["cut"] = True
        bracket["members"][rung][trial_id] = "went on"
        bracket["members"][rung + 1][trial_id] = "on its way"

    def on_end(self, trial_id: int) -> None:
        bracket, rung = self.place(trial_id)
        bracket["cut"] |= bracket["members"][rung][trial_id] == "waits"
        bracket["members"][rung][trial_id] = "ended"

    def decided(self, exhausted: bool) -> list[tuple[dict[int, str], list[int], int, int]]:
        """The members of each rung that is complete, ranked; how many are kept; the epoch."""
        found = []
        for bracket in self.brackets:
            complete = exhausted or self.full(bracket)
            for rung, epoch in enumerate(bracket["plan"].epochs[:-1]):
                members, losses = bracket["members"][rung], bracket["losses"][rung]
                if not members or not complete or "on its way" in members.values():
                    break
                ranking = sorted(losses, key=lambda t, losses=losses: (losses[t], t))
                kept = max(1, len(members) // self.eta)
                found.append((members, ranking, kept, epoch))
                complete = not any(members[trial_id] == "waits" for trial_id in ranking[:kept])
        return found

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        for members, ranking, kept, _ in self.decided(exhausted):
            for trial_id in ranking[:kept]:
                if members[trial_id] == "waits":
                    return Resume(trial_id)
        return None

    def eliminated(self, exhausted: bool) -> Mapping[int, str]:
        return {
            trial_id: f"rank {rank} of {len(members)} at epoch {epoch}, not in the top {kept}"
            for members, ranking, kept, epoch in self.decided(exhausted)
            for rank, trial_id in enumerate(ranking, start=1)
            if rank > kept and members[trial_id] == "waits"
        }


class PlainHalving(PlainHyperband):
    def __init__(self, max_t: int, space: Space, seed: int, *, reduction_factor: int = 3) -> None:
        super().__init__(max_t, space, seed, reduction_factor=reduction_factor)
        self.plans = self.plans[:1]
