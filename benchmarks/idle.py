"""Large runs of a model that does nothing, made by the simulator on a virtual clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.facts import Closed
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.journal import Journal
from tune_jobs.search_algos.domains import Choice, Domain, Float, Int
from tune_jobs.simulation.simulate import Curve, VirtualClock, simulate

SPACE: dict[str, Domain] = {
    "learning_rate": Float(1e-4, 1e-1, log=True),
    "optimizer": Choice(["adamw", "sgd"]),
    "momentum": Float(0.5, 0.99, when={"optimizer": "sgd"}),
    "width": Int(16, 256, log=True),
    "layers": Int(1, 6),
    "dropout": Float(0.0, 0.6),
}


def idle_job(trials: int, **fields: Any) -> TuneJob:
    """With random search, 27 epochs, and six hyperparameters, unless the fields say otherwise."""
    return TuneJob(
        **{
            "name": "idle",
            "model": "trial_overhead:Idle",
            "space": SPACE,
            "metric": "loss",
            "mode": "min",
            "searcher": "random",
            "num_samples": trials,
            "max_epochs": 27,
            **fields,
        }
    )


def simulated(job: TuneJob, journal: Path, curve: Curve, workers: int) -> Experiment:
    """A finished run, of which every fact is in the journal."""
    clock, experiment = VirtualClock(), job.build_experiment()
    written = Journal(journal, clock=clock)
    experiment.start(written.append, lambda fact, state: None)
    simulate(experiment, curve, workers, clock)
    experiment.record(Closed(status="finished"))
    written.close()
    return experiment
