"""Peers of tune-jobs, each driven by its own library, on recorded learning curves.

    python benchmarks/peers.py [DATA] [--tasks 10] [--seeds 10] [--only "random,Optuna TPE"]
                               [--workers 8] [--json FILE]

Eight workers on a virtual clock, one budget of epochs for everybody (40 full trainings), and
the normalised regret of the best accuracy seen: 0 is the best config of the table, 1 is the
median one. The searchers and schedulers are the libraries' own objects, with their defaults,
and those that learn from whole trials are told the accuracy of the last epoch, as Ray Tune and
Syne Tune tell it (Optuna and hyperopt did no better when told the best of the curve). A library
is needed only for its own peers:

    pip install hyperopt optuna torch "ray[tune]" syne-tune

`--json` keeps every single result, and a later run with the same file does only what is missing.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import time
import warnings
from collections.abc import Callable, Hashable
from datetime import datetime
from heapq import heappop, heappush
from pathlib import Path
from statistics import mean, stdev
from types import SimpleNamespace
from typing import Any, Literal, Protocol

# Models of a few hundred points: threads only get in each other's way. Read at their import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from lcbench import EPOCHS, Config, Table, load

Decision = Literal["continue", "stop", "pause"]
Result = dict[str, Any]  # peer, task, seed, regret, seconds
MakePeer = Callable[[Table, int], "Peer"]  # a task and a seed


class Peer(Protocol):
    """A tuner as the simulator sees it: it hands out work and judges what comes back."""

    def suggest(self) -> tuple[Hashable, Config] | None:
        """A new trial or a paused one to go on with, and its config; None: nothing for now."""

    def report(self, trial: Hashable, epoch: int, accuracy: float) -> Decision:
        """What becomes of a trial after this epoch; after the last one it ends in any case."""


def run_peer(peer: Peer, table: Table, workers: int = 8, budget: int = 40 * EPOCHS) -> float:
    """The best accuracy seen within a budget of epochs; epochs in flight at its end are lost."""
    order = itertools.count()  # of two epochs that end at the same time, the one begun first
    running: list[tuple[float, int, Hashable]] = []
    rows: dict[Hashable, int] = {}
    trained: dict[Hashable, int] = {}
    clock, idle, best = 0.0, workers, -np.inf

    def start_epoch(trial: Hashable) -> None:
        seconds = table.epoch_seconds(rows[trial], trained[trial] + 1)
        heappush(running, (clock + seconds, next(order), trial))

    for _ in range(budget):
        while idle and (work := peer.suggest()):
            trial, config = work
            if trial not in rows:
                rows[trial], trained[trial] = table.row(config), 0
            start_epoch(trial)
            idle -= 1
        if not running:  # nothing more to try, as in a grid
            break
        clock, _, trial = heappop(running)
        trained[trial] += 1
        accuracy = float(table.accuracy[rows[trial], trained[trial] - 1])
        best = max(best, accuracy)
        decision = peer.report(trial, trained[trial], accuracy)
        if decision == "continue" and trained[trial] < EPOCHS:
            start_epoch(trial)
        else:
            idle += 1
    return best


class RandomSearch:
    """Uniform draws, each trained to the end."""

    def __init__(self, table: Table, seed: int) -> None:
        self.space = table.space
        self.rng = np.random.default_rng(seed)
        self.ids = itertools.count()

    def suggest(self) -> tuple[Hashable, Config]:
        return next(self.ids), {name: self._draw(*domain) for name, domain in self.space.items()}

    def report(self, trial: Hashable, epoch: int, accuracy: float) -> Decision:
        return "continue"

    def _draw(self, low: float, high: float, log: bool, integer: bool) -> float:
        margin = 0.4999 if integer else 0.0  # so that the ends are as likely as the rest
        ends = np.array([low - margin, high + margin])
        value = np.exp(self.rng.uniform(*np.log(ends))) if log else self.rng.uniform(*ends)
        return round(value) if integer else float(value)


class RandomWithRayAsha(RandomSearch):
    """The same draws, stopped by Ray Tune's AsyncHyperBandScheduler."""

    def __init__(self, table: Table, seed: int, grace_period: int) -> None:
        from ray.tune.schedulers import AsyncHyperBandScheduler

        super().__init__(table, seed)
        self.scheduler = AsyncHyperBandScheduler(
            metric="accuracy",
            mode="max",
            max_t=EPOCHS,
            grace_period=grace_period,
            reduction_factor=3,
        )

    def suggest(self) -> tuple[Hashable, Config]:
        number, config = super().suggest()
        trial = f"{number:05d}"
        self.scheduler.on_trial_add(None, SimpleNamespace(trial_id=trial))
        return trial, config

    def report(self, trial: Hashable, epoch: int, accuracy: float) -> Decision:
        result = {"training_iteration": epoch, "accuracy": accuracy}
        decision = self.scheduler.on_trial_result(None, SimpleNamespace(trial_id=trial), result)
        return "continue" if decision == self.scheduler.CONTINUE else "stop"


class HyperoptTpe:
    """hyperopt's tpe.suggest; running trials are in its Trials as new ones, without a loss."""

    def __init__(self, table: Table, seed: int) -> None:
        import hyperopt

        self.hyperopt = hyperopt
        self.space = {name: self._domain(name, *d) for name, d in table.space.items()}
        self.domain = hyperopt.Domain(lambda config: None, self.space)
        self.trials = hyperopt.Trials()
        self.rng = np.random.default_rng(seed)
        self.documents: dict[Hashable, dict[str, Any]] = {}

    def suggest(self) -> tuple[Hashable, Config]:
        ids = self.trials.new_trial_ids(1)
        self.trials.refresh()
        seed = int(self.rng.integers(2**31 - 1))
        new = self.hyperopt.tpe.suggest(ids, self.domain, self.trials, seed, verbose=False)
        self.trials.insert_trial_docs(new)
        self.trials.refresh()
        self.documents[ids[0]] = next(d for d in self.trials.trials if d["tid"] == ids[0])
        point = self.hyperopt.base.spec_from_misc(new[0]["misc"])
        return ids[0], self.hyperopt.space_eval(self.space, point)

    def report(self, trial: Hashable, epoch: int, accuracy: float) -> Decision:
        if epoch == EPOCHS:
            document = self.documents.pop(trial)
            document["state"] = self.hyperopt.JOB_STATE_DONE
            document["result"] = {"loss": -accuracy, "status": self.hyperopt.STATUS_OK}
            self.trials.refresh()
        return "continue"

    def _domain(self, name: str, low: float, high: float, log: bool, integer: bool) -> Any:
        hp, pyll = self.hyperopt.hp, self.hyperopt.pyll
        if not log:
            return (hp.uniformint if integer else hp.uniform)(name, low, high)
        ends = np.log([low, high])
        return (
            pyll.scope.int(hp.qloguniform(name, *ends, 1))
            if integer
            else hp.loguniform(name, *ends)
        )


class Optuna:
    """An Optuna study, asked and told."""

    def __init__(
        self, table: Table, seed: int, sampler: str, hyperband: bool = False, **options: Any
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.pruned = optuna.trial.TrialState.PRUNED
        self.hyperband = hyperband
        self.distributions = {
            name: optuna.distributions.IntDistribution(low, high, log=log)
            if integer
            else optuna.distributions.FloatDistribution(low, high, log=log)
            for name, (low, high, log, integer) in table.space.items()
        }
        pruner = optuna.pruners.HyperbandPruner(1, EPOCHS, 3) if hyperband else None
        self.study = optuna.create_study(
            study_name=f"seed {seed}",  # HyperbandPruner draws a trial's bracket from this name
            direction="maximize",
            sampler=getattr(optuna.samplers, sampler)(seed=seed, **options),
            pruner=pruner or optuna.pruners.NopPruner(),
        )
        self.trials: dict[Hashable, Any] = {}

    def suggest(self) -> tuple[Hashable, Config]:
        trial = self.study.ask(self.distributions)
        self.trials[trial.number] = trial
        return trial.number, trial.params

    def report(self, trial: Hashable, epoch: int, accuracy: float) -> Decision:
        if self.hyperband:
            self.trials[trial].report(accuracy, epoch)
        if epoch == EPOCHS:
            self.study.tell(self.trials.pop(trial), accuracy)
        elif self.hyperband and self.trials[trial].should_prune():
            self.study.tell(self.trials.pop(trial), state=self.pruned)
            return "stop"
        return "continue"


class SyneTune:
    """A scheduler of Syne Tune's baselines, told what its Tuner would tell it."""

    def __init__(self, table: Table, seed: int, baseline: str, **options: Any) -> None:
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer import baselines

        np.random.seed(seed)  # some of its searchers draw from numpy's global generator
        self.new_trial = Trial
        self.scheduler = getattr(baselines, baseline)(
            {name: self._domain(*domain) for name, domain in table.space.items()},
            metric="accuracy",
            do_minimize=False,
            random_seed=seed,
            **options,
        )
        self.trials: dict[Hashable, Any] = {}

    def suggest(self) -> tuple[Hashable, Config] | None:
        suggestion = self.scheduler.suggest()
        if suggestion is None:
            return None
        if not suggestion.spawn_new_trial_id:
            paused = self.trials[suggestion.checkpoint_trial_id]
            return paused.trial_id, paused.config
        trial = self.new_trial(len(self.trials), suggestion.config, datetime.now())
        self.trials[trial.trial_id] = trial
        self.scheduler.on_trial_add(trial)
        return trial.trial_id, trial.config

    def report(self, trial: Hashable, epoch: int, accuracy: float) -> Decision:
        result = {"accuracy": accuracy, "epoch": epoch}
        decision = self.scheduler.on_trial_result(self.trials[trial], result).lower()
        if decision != "continue":
            self.scheduler.on_trial_remove(self.trials[trial])
        elif epoch == EPOCHS:
            self.scheduler.on_trial_complete(self.trials[trial], result)
        return decision

    @staticmethod
    def _domain(low: float, high: float, log: bool, integer: bool) -> Any:
        from syne_tune import config_space

        names = {
            (False, False): "uniform",
            (True, False): "loguniform",
            (False, True): "randint",
            (True, True): "lograndint",
        }
        return getattr(config_space, names[log, integer])(low, high)


def syne_tune_asha(baseline: str) -> Callable[[Table, int], Peer]:
    """A factory of a baseline that stops early, with the library's own rungs from epoch 1 on."""
    return lambda table, seed: SyneTune(table, seed, baseline, time_attr="epoch", max_t=EPOCHS)


PEERS: dict[str, MakePeer] = {
    "random": RandomSearch,
    "random + Ray ASHA from epoch 1": lambda table, seed: RandomWithRayAsha(table, seed, 1),
    "random + Ray ASHA from epoch 2": lambda table, seed: RandomWithRayAsha(table, seed, 2),
    "hyperopt TPE": HyperoptTpe,
    "Optuna TPE": lambda table, seed: Optuna(table, seed, "TPESampler"),
    "Optuna TPE without liar": lambda table, seed: Optuna(  # the default before Optuna 5
        table, seed, "TPESampler", constant_liar=False
    ),
    "Optuna TPE + Hyperband": lambda table, seed: Optuna(table, seed, "TPESampler", hyperband=True),
    "Optuna GP": lambda table, seed: Optuna(table, seed, "GPSampler"),
    "Syne Tune BORE": lambda table, seed: SyneTune(table, seed, "BORE"),
    "Syne Tune ASHA": syne_tune_asha("ASHA"),
    "Syne Tune BOHB": syne_tune_asha("BOHB"),
}
SLOW = {"Optuna GP"}  # only when named: ten seconds a run and more


def measure(name: str, make: MakePeer, table: Table, seed: int, workers: int) -> Result:
    """One run of a peer: its regret, and the wall clock's seconds."""
    peer = make(table, seed)  # the first of a library imports it: not counted
    start = time.perf_counter()
    score = run_peer(peer, table, workers)
    return {
        "peer": name,
        "task": table.task,
        "seed": seed,
        "regret": table.regret(score),
        "seconds": time.perf_counter() - start,
    }


def save(results: list[Result], file: Path) -> None:
    """Writes all results; a run that is killed leaves the file of the moment before."""
    scratch = file.with_name(file.name + ".tmp")
    scratch.write_text(json.dumps(results, indent=1))
    scratch.replace(file)


def summary(results: list[Result]) -> list[str]:
    """The table, a line a peer, the best peer first."""
    rows = []
    for name in {result["peer"] for result in results}:
        runs = [result for result in results if result["peer"] == name]
        regrets = [run["regret"] for run in runs]
        error = stdev(regrets) / len(regrets) ** 0.5 if len(regrets) > 1 else float("nan")
        rows.append((mean(regrets), error, len(runs), mean(r["seconds"] for r in runs), name))
    lines = [f"{'':34}{'regret':>10}{'± s.e.':>10}{'runs':>8}{'s a run':>10}"]
    for regret, error, runs, seconds, name in sorted(rows):
        lines.append(f"{name:34}{regret:10.3f}{error:10.3f}{runs:8}{seconds:10.1f}")
    return lines


def arguments(description: str, makers: dict[str, MakePeer]) -> argparse.Namespace:
    """The command line; ``only`` are the names of who is to run."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", help="names with commas between; all but the slow ones if not")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--json", type=Path, help="read and added to")
    given = parser.parse_args()
    given.only = given.only.split(",") if given.only else [m for m in makers if m not in SLOW]
    if unknown := set(given.only) - set(makers):
        parser.error(f"there is no {', '.join(unknown)}; there are: {', '.join(makers)}")
    return given


def compare(description: str, makers: dict[str, MakePeer]) -> list[Result]:
    """Runs what the command line asks for, prints the table, and returns all results."""
    given = arguments(description, makers)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tables = load(given.data)[: given.tasks]
    results: list[Result] = []
    if given.json and given.json.exists():
        results = json.loads(given.json.read_text())
    done = {(r["peer"], r["task"], r["seed"]) for r in results}
    for seed, name, table in itertools.product(range(given.seeds), given.only, tables):
        if (name, table.task, seed) not in done:
            results.append(measure(name, makers[name], table, seed, given.workers))
            if given.json:
                save(results, given.json)
    print("\n".join(summary(results)))
    return results


if __name__ == "__main__":
    compare(__doc__, PEERS)
