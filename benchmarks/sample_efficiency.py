"""How good the best config is after a budget: pairs of ours beside peers, on recorded curves.

    python benchmarks/sample_efficiency.py [DATA] [--tasks 10] [--seeds 10] [--json FILE]
                                           [--only "bayesopt × asha,random"] [--workers 8]

Everybody runs on the simulator of `peers.py`, with the same workers, budget and curves. Ours is
the Experiment itself, with the settings in OURS, which are the same for every task. `--json`
keeps every result; peers measured with the same file before are not run again.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from lcbench import EPOCHS, SPACE, Config, Table
from peers import PEERS, Decision, Result, compare

from tune_jobs import Float, Int
from tune_jobs.experiment.assignments import Train
from tune_jobs.experiment.facts import Reported
from tune_jobs.job.search import Search
from tune_jobs.search_algos.decisions import Pause, Stop

RECOMMENDED = "bayesopt × asha"

OURS: dict[str, dict[str, Any]] = {
    "random × asha": {"searcher": "random", "scheduler": "asha"},
    "hyperopt × asha": {"searcher": "hyperopt", "scheduler": "asha"},
    "hyperopt × hyperband": {"searcher": "hyperopt", "scheduler": "hyperband"},
    "optuna × asha": {"searcher": "optuna", "scheduler": "asha"},
    "evolution × asha": {"searcher": "evolution", "scheduler": "asha"},
    "bayesopt × fifo": {"searcher": "bayesopt", "scheduler": "fifo"},
    "bayesopt × median": {"searcher": "bayesopt", "scheduler": "median"},
    "bayesopt × asha": {"searcher": "bayesopt", "scheduler": "asha"},
    "bayesopt × promoting asha": {
        "searcher": "bayesopt",
        "scheduler": "asha",
        "scheduler_options": {"mode": "promote"},
    },
    "bayesopt × hyperband": {"searcher": "bayesopt", "scheduler": "hyperband"},
}
GRACE_PERIOD = 6  # epochs, about a ninth of a full training


class Ours:
    """The Experiment of a job, as the simulator sees a tuner."""

    def __init__(self, table: Table, seed: int, fields: dict[str, Any]) -> None:
        options = dict(fields.get("scheduler_options", {}))
        if fields["scheduler"] != "fifo":
            options["grace_period"] = GRACE_PERIOD
        job = Search(
            name="lcbench",
            space={
                name: Int(low, high, log=log) if integer else Float(low, high, log=log)
                for name, (low, high, log, integer) in SPACE.items()
            },
            metric="accuracy",
            mode="max",
            num_samples=40 * EPOCHS,
            max_epochs=EPOCHS,
            seed=seed,
            **{**fields, "scheduler_options": options},
        )
        self.experiment = job.build_experiment()
        self.experiment.start(lambda fact: fact, lambda fact, state: None)

    def suggest(self) -> tuple[Hashable, Config] | None:
        work = self.experiment.next()
        return (work.trial_id, dict(work.config)) if isinstance(work, Train) else None

    def report(self, trial: Any, epoch: int, accuracy: float) -> Decision:
        match self.experiment.report(
            Reported(trial_id=trial, epoch=epoch, metrics={"accuracy": accuracy})
        ):
            case Stop():
                return "stop"
            case Pause():
                return "pause"
        return "continue"


def verdict(results: list[Result]) -> str:
    """The recommended pair against the best peer, the Gaussian process of Optuna apart."""
    means = {
        name: sum(r["regret"] for r in results if r["peer"] == name)
        / sum(r["peer"] == name for r in results)
        for name in {r["peer"] for r in results}
    }
    peers = {name: mean for name, mean in means.items() if name in PEERS and name != "Optuna GP"}
    if RECOMMENDED not in means or not peers:
        return ""
    best = min(peers, key=peers.__getitem__)
    lines = [f"{RECOMMENDED}: {means[RECOMMENDED] / peers[best]:.2f} × the regret of {best}"]
    if "Optuna GP" in means:
        lines.append(f"{RECOMMENDED}: {means[RECOMMENDED] / means['Optuna GP']:.2f} × Optuna GP")
    return "\n".join(lines)


def main() -> None:
    ours = {
        name: lambda table, seed, fields=fields: Ours(table, seed, fields)
        for name, fields in OURS.items()
    }
    print(verdict(compare(__doc__, {**ours, **PEERS})))


if __name__ == "__main__":
    main()
