"""How good the best config is after a budget: pairs of ours beside peers, on recorded curves.

    python benchmarks/sample_efficiency.py [DATA] [--tasks 10] [--seeds 10] [--json FILE]
                                           [--ours "bayesopt × asha;..."] [--peers "random;..."]

Everybody runs on the simulator of `peers.py`, with the same workers, budget and curves. Ours is
the Experiment itself, with the settings in OURS, which are the same for every task. `--json`
keeps every result; peers measured with the same file before are not run again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
import warnings
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from lcbench import EPOCHS, SPACE, Config, Table, load
from peers import PEERS, Decision, Result, measure, run_peer, save, summary

from search_algos.decisions import Pause, Stop
from tune_jobs import Float, Int, TuneJob
from tune_jobs.experiment import Train

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
    "bayesopt × asha, promote": {
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
        job = TuneJob(
            name="lcbench",
            model=None,
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
        self.experiment = job.build_experiment(lambda fact: fact, lambda fact, state: None)

    def suggest(self) -> tuple[Hashable, Config] | None:
        work = self.experiment.next()
        return (work.trial_id, dict(work.config)) if isinstance(work, Train) else None

    def report(self, trial: Any, epoch: int, accuracy: float) -> Decision:
        match self.experiment.report(trial, epoch, {"accuracy": accuracy}):
            case Stop():
                return "stop"
            case Pause():
                return "pause"
        return "continue"


def measure_ours(name: str, table: Table, seed: int, workers: int) -> Result:
    """One run of a pair: its regret, and the wall clock's seconds."""
    start = time.perf_counter()
    score = run_peer(Ours(table, seed, OURS[name]), table, workers)
    return {
        "peer": name,
        "task": table.task,
        "seed": seed,
        "regret": table.regret(score),
        "seconds": time.perf_counter() - start,
    }


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


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--ours", default=";".join(OURS), help="names with semicolons between")
    parser.add_argument("--peers", default=";".join(PEERS), help="names with semicolons between")
    parser.add_argument("--json", type=Path, help="read and added to")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    warnings.simplefilter("ignore")
    tables = load(given.data)[: given.tasks]
    results: list[Result] = []
    if given.json and given.json.exists():
        results = json.loads(given.json.read_text())
    done = {(r["peer"], r["task"], r["seed"]) for r in results}
    names = [name for name in [*given.ours.split(";"), *given.peers.split(";")] if name]
    for seed, name, table in itertools.product(range(given.seeds), names, tables):
        if (name, table.task, seed) not in done:
            how = measure_ours if name in OURS else measure
            results.append(how(name, table, seed, given.workers))
            if given.json:
                save(results, given.json)
    print("\n".join(summary(results)))
    print(verdict(results))


if __name__ == "__main__":
    main()
