"""Simulated runs, with the facts they recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import Closed, Fact, Known, Reported
from tune_jobs.experiment.objective import Mode
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Trial
from tune_jobs.job.origin import Origin
from tune_jobs.job.search import Search
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Journal
from tune_jobs.search_algos.base import Scheduler, Searcher
from tune_jobs.search_algos.decisions import Decision
from tune_jobs.search_algos.domains import Float
from tune_jobs.search_algos.space import Space
from tune_jobs.simulation.simulate import Curve, Epoch, VirtualClock, simulate
from tune_jobs.views.result import write_results
from tune_jobs.views.tensorboard import TensorBoard

SPACE = Space({"x": Float(0, 1)})


@dataclass
class Recorded:
    """A run that keeps its facts in a list instead of a file."""

    facts: list[Fact] = field(default_factory=list)
    clock: VirtualClock = field(default_factory=VirtualClock)
    seconds: float = 0.0
    experiment: Experiment = field(init=False)

    def record(self, fact: Fact) -> Fact:
        self.facts.append(replace(fact, time=self.clock.now))
        return self.facts[-1]

    @property
    def trials(self) -> list[Trial]:
        return list(self.experiment.state.trials.values())

    @property
    def reports(self) -> list[Reported]:
        return [fact for fact in self.facts if isinstance(fact, Reported)]

    @property
    def decisions(self) -> dict[tuple[int, int], Decision]:
        """By trial and epoch."""
        return {(fact.trial_id, fact.epoch): fact.decision for fact in self.reports}


def tiny_job(**fields: Any) -> TuneJob:
    return TuneJob(
        **{
            "name": "tiny",
            "model": "tiny_model:Tiny",
            "space": {"x": Float(0, 1)},
            "metric": "loss",
            "mode": "min",
            "searcher": "random",
            "scheduler": "asha",
            "num_samples": 10,
            "max_epochs": 9,
            **fields,
        }
    )


def metrics_of(several: bool, *methods: type[Searcher] | type[Scheduler]) -> dict[str, Any]:
    """The fields of a job with one metric of `curves`, or with both if the methods can."""
    if several and all(method.several_metrics for method in methods):
        return {"metric": ["loss", "size"], "mode": ["min", "min"]}
    return {}


def begun(
    job: Search,
    facts: Iterable[Fact] = (),
    known: Iterable[Known] = (),
    began_with: Extent | None = None,
) -> Recorded:
    """A run that may go on from earlier facts, and has not gone anywhere yet."""
    run = Recorded(list(facts))
    run.experiment = job.build_experiment(list(run.facts), began_with)
    run.experiment.start(run.record, lambda fact, state: None, known)
    return run


def reported(trial_id: int, epoch: int, metrics: Mapping[str, float], **cost: Any) -> Reported:
    return Reported(trial_id=trial_id, epoch=epoch, metrics=dict(metrics), **cost)


def simulated(
    *,
    curve: Curve,
    scheduler: str = "asha",
    options: Mapping[str, Any] | None = None,
    workers: int = 1,
    mode: Mode | list[Mode] = "min",
    facts: Iterable[Fact] = (),
    **fields: Any,
) -> Recorded:
    job = tiny_job(scheduler=scheduler, scheduler_options=dict(options or {}), mode=mode, **fields)
    run = begun(job, facts)
    run.seconds = simulate(run.experiment, curve, workers, run.clock)
    return run


def state_of(job: TuneJob, facts: Iterable[Fact]) -> RunState:
    return RunState.of(facts, job.objective, job.extent)


def run_in_folder(
    path: Path, job: TuneJob, curve: Curve, workers: int = 1, origin: Origin | None = None
) -> RunFolder:
    """A finished run with all its files, made by the simulator instead of Ray."""
    folder = RunFolder(path)
    folder.create(job, {"CPU": workers}, origin or Origin())
    journal = Journal(folder.journal)
    board = TensorBoard(folder.tensorboard, job.domains)
    experiment = job.build_experiment()
    experiment.start(journal.append, board.on_fact)
    simulate(experiment, curve, workers)
    experiment.record(Closed(status="finished"))
    board.close()
    journal.close()
    write_results(folder, folder.read_declaration(), experiment.state)
    return folder


def falling(config: Mapping[str, Any], epoch: int) -> Epoch:
    """The smaller x, the better; every epoch helps."""
    return Epoch({"loss": config["x"] + 1 / epoch, "other": 2.0 * epoch}, 1.0)
