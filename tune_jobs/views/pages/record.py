"""A run as its folder tells it, with what happened when; also of a damaged folder."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Fact, Reported
from tune_jobs.experiment.state import RunState
from tune_jobs.job.declaration import Declaration, space_of
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read
from tune_jobs.runs.lock import holder_of
from tune_jobs.search_algos.decisions import Pause, Stop
from tune_jobs.search_algos.domains import Domain


class Point(NamedTuple):
    """A report of a trial. ``seconds`` are those of the run until then, without the time between
    its drivers; ``decision`` is its kind, or ``complete``."""

    epoch: int
    seconds: float
    metrics: Mapping[str, float]
    config: Mapping[str, Any]
    decision: str


class Step(NamedTuple):
    """From here on another report was the best one."""

    epochs: int  # of all trials until then
    seconds: float
    value: float
    trial_id: int
    epoch: int


@dataclass
class Record:
    """Attributes:
    name: of the run.
    content: of its job.json.
    missing: what cannot be shown, and why.
    curves: the reports of each trial that has any.
    steps: the history of the best value.
    """

    name: str
    content: dict[str, Any]
    missing: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    curves: dict[int, list[Point]] = field(default_factory=lambda: defaultdict(list))
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.declared = Declaration.of(self.content)
        self.state = self.declared.state(())

    @classmethod
    def of(cls, name: str, content: dict[str, Any], facts: Iterable[Fact]) -> Record:
        return cls(name, content).extend(facts)

    @classmethod
    def read(cls, folder: RunFolder) -> Record:
        """What can be read of a run; raises UserError only if nothing says what it measured."""
        record = _opened(folder)
        record.state.driver = holder_of(folder)
        try:
            record.extend(read(folder.journal))
        except UserError as error:
            record.missing.append(f"{error}; what follows is shown up to there")
        return record

    def extend(self, facts: Iterable[Fact]) -> Record:
        """Adds what happened next."""
        for fact in facts:
            trial = self.state.trials.get(fact.trial_id) if isinstance(fact, Reported) else None
            config = trial.config if trial else {}  # with which it trained, not what follows
            self.state.apply(fact)
            self.facts.append(fact)
            if isinstance(fact, Reported):
                self._add(fact, config)
        return self

    @property
    def space(self) -> dict[str, Domain]:
        """The domains of the hyperparameters, as far as they are known."""
        try:
            return space_of(self.content)
        except (AttributeError, KeyError, TypeError, ValueError):
            return {}

    @property
    def parameters(self) -> list[str]:
        """The hyperparameters that differ between trials."""
        seen = (name for trial in self.state.trials.values() for name in trial.config)
        return list(dict.fromkeys([*self.space, *seen]))

    def _add(self, fact: Reported, config: Mapping[str, Any]) -> None:
        state = self.state
        seconds = fact.time - state.started - state.idle
        kind = "complete" if _completes(fact, state) else fact.decision.kind
        self.curves[fact.trial_id].append(Point(fact.epoch, seconds, fact.metrics, config, kind))
        best = state.incumbent
        if best is None:
            return
        value = state.objective.value(best.loss)
        if not self.steps or (best.trial_id, best.epoch, value) != (
            self.steps[-1].trial_id,
            self.steps[-1].epoch,
            self.steps[-1].value,
        ):
            self.steps.append(Step(state.epochs_total, seconds, value, best.trial_id, best.epoch))


def rungs(record: Record) -> list[int]:
    """The epochs at which trials were cut short or waited for others."""
    found = {
        point.epoch
        for points in record.curves.values()
        for point in points
        if point.decision in (Stop("").kind, Pause().kind)
    }
    return sorted(found)


def _completes(fact: Reported, state: RunState) -> bool:
    decision = fact.decision
    ends = isinstance(decision, Stop)
    return ends and (decision.complete or fact.epoch >= state.extent.reports)  # type: ignore[union-attr]


def _opened(folder: RunFolder) -> Record:
    try:
        return Record(folder.name, folder.read_job_json())
    except (UserError, TypeError) as error:
        problem = f"{folder.path / 'job.json'} cannot be read: the space and the environment lack"
        try:
            result = json.loads((folder.path / "summary.json").read_text())
            return Record(folder.name, _from_summary(result), [problem])
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(
                f"{folder.path} is not a run: neither job.json nor summary.json can be read"
            ) from error


def _from_summary(result: Mapping[str, Any]) -> dict[str, Any]:
    trials = result["trials"]["total"]
    return {
        "name": result["job"],
        **{name: result[name] for name in ("metric", "mode", "seed")},
        "num_samples": trials,
        "max_epochs": result["epochs_full"] // max(1, trials),
        "constants": {},
    }
