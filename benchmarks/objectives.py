"""Several metrics: our searchers beside Optuna's NSGA-II, used natively, after equal evaluations.

    python benchmarks/objectives.py [--seeds 10] [--problems zdt1,zdt2,mixed,mnist]
                                    [--evaluations 200]

One evaluation after the other. Ours are whole runs of a job in simulation, and what is measured is
the Pareto front that such a run has at its end; the native side is `study.optimize` with the
defaults of the library. Printed is the hypervolume of the front, as a share of that of the true
one: its mean over the seeds, and its standard deviation.

`mnist` is the error of `simple_nn` against the logarithm of its parameters. First it trains 200
configs for one epoch; any other config has the results of its nearest neighbour among them, so the
true front is known.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

# Small models: threads only get in each other's way. Read at their import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import optuna
from moocore import hypervolume

from tune_jobs.job.search import Search
from tune_jobs.models.simple_nn import SimpleNN
from tune_jobs.search_algos.domains import Choice, Domain, Float, Int
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Space
from tune_jobs.simulation.simulate import Epoch, simulate

Config = Mapping[str, Any]
Losses = tuple[float, float]


@dataclass(frozen=True)
class Problem:
    """Two losses of a config, the true front as points, and the corner up to which it counts."""

    space: dict[str, Domain]
    losses: Callable[[Config], Losses]
    front: list[Losses]
    corner: Losses

    def share(self, losses: Iterable[Losses]) -> float:
        """The hypervolume of these, as a share of that of the true front."""
        return float(self._volume(losses) / self._volume(self.front))

    def _volume(self, losses: Iterable[Losses]) -> float:
        return float(hypervolume(np.array(list(losses)), ref=list(self.corner)))


def zdt1(config: Config) -> Losses:
    """Zitzler, Deb & Thiele (2000); the front is f2 = 1 - sqrt(f1), where all but x0 are 0."""
    first, away = _zdt(config)
    return first, away * (1 - math.sqrt(first / away))


def zdt2(config: Config) -> Losses:
    """Its front f2 = 1 - f1² bends the other way."""
    first, away = _zdt(config)
    return first, away * (1 - (first / away) ** 2)


def _zdt(config: Config) -> tuple[float, float]:
    first, *others = (config[f"x{n}"] for n in range(5))
    return first, 1 + 9 * sum(others) / len(others)


def mixed(config: Config) -> Losses:
    """Error against size: a rate on a log scale, a width, and a choice with a parameter of its
    own. With the best of the others, the error is 1 / (1 + width) and the size is the width."""
    error = (math.log10(config["rate"]) + 2.5) ** 2 / 4
    if config["optimizer"] == "sgd":
        error += 2 * (config["momentum"] - 0.9) ** 2
    else:
        error += 0.1
    width = config["width"]
    return 1 / (1 + width) + error, width


ROWS = 200
_UNIT = np.linspace(0, 1, 1001).tolist()
_CUBE: dict[str, Domain] = {f"x{n}": Float(0, 1) for n in range(5)}
PROBLEMS = {
    "zdt1": Problem(_CUBE, zdt1, [(x, 1 - math.sqrt(x)) for x in _UNIT], (1.0, 10.0)),
    "zdt2": Problem(_CUBE, zdt2, [(x, 1 - x * x) for x in _UNIT], (1.0, 10.0)),
    "mixed": Problem(
        {
            "rate": Float(1e-5, 1, log=True),
            "optimizer": Choice(["sgd", "adam"]),
            "momentum": Float(0, 0.99, when={"optimizer": "sgd"}),
            "width": Float(0.1, 10, log=True),
        },
        mixed,
        [(1 / (1 + 0.1 * 100**x), 0.1 * 100**x) for x in _UNIT],
        (1.1, 11.0),
    ),
}


def mnist() -> Problem:
    space: dict[str, Domain] = {
        "hidden": Int(4, 256, log=True),
        "learning_rate": Float(1e-4, 1e-1, log=True),
        "batch_size": Int(32, 512, log=True),
    }
    known = Space(space)
    sobol = resolve_name(SEARCHERS["sobol"])(known, 0)
    configs = [sobol.suggest(row, History(known)) for row in range(ROWS)]
    points = np.array([known.encode(config) for config in configs])
    results = [_trained(config) for config in configs]

    def losses(config: Config) -> Losses:
        away = ((points - np.array(known.encode(config))) ** 2).sum(axis=1)
        return results[int(away.argmin())]

    return Problem(space, losses, results, (max(e for e, _ in results), max(n for _, n in results)))


def _trained(config: Config) -> Losses:
    model = SimpleNN(SimpleNN.Config(**config))
    model.train_epoch()
    measured = model.evaluate()
    return 1 - measured["val_accuracy"], math.log10(measured["parameters"])


def ours(searcher: str, **options: Any) -> Callable[[Problem, int, int], list[Losses]]:
    """The front of a run in simulation."""

    def found(problem: Problem, evaluations: int, seed: int) -> list[Losses]:
        search = Search(
            name="objectives",
            space=dict(problem.space),
            metric=["first", "second"],
            mode=["min", "min"],
            searcher=searcher,
            searcher_options=options,
            scheduler="fifo",
            num_samples=evaluations,
            max_epochs=1,
            seed=seed,
        )
        search.validate()

        def curve(config: Config, epoch: int) -> Epoch:
            return Epoch(
                dict(zip(search.objective.metrics, problem.losses(config), strict=True)), 1
            )

        experiment = search.build_experiment()
        experiment.start(lambda fact: fact, lambda fact, state: None)
        simulate(experiment, curve, workers=1)
        return [best.loss for best in experiment.state.front]  # type: ignore[misc]

    return found


def native(sampler: Callable[[int], Any]) -> Callable[[Problem, int, int], list[Losses]]:
    def found(problem: Problem, evaluations: int, seed: int) -> list[Losses]:
        def objective(trial: optuna.Trial) -> Losses:
            def value(name: str, domain: Any) -> Any:
                if isinstance(domain, Choice):
                    return trial.suggest_categorical(name, domain.values)
                suggest = trial.suggest_int if isinstance(domain, Int) else trial.suggest_float
                return suggest(name, domain.low, domain.high, log=domain.log)

            return problem.losses(Space(problem.space).build(value))

        study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler(seed))
        study.optimize(objective, n_trials=evaluations)
        return [tuple(trial.values) for trial in study.best_trials]

    return found


METHODS = {
    "Optuna NSGA-II": native(lambda seed: optuna.samplers.NSGAIISampler(seed=seed)),
    "Optuna TPE": native(lambda seed: optuna.samplers.TPESampler(seed=seed)),
    "ours optuna nsga2": ours("optuna", sampler="nsga2"),
    "ours optuna tpe": ours("optuna"),
    "ours evolution": ours("evolution"),
    "ours random": ours("random"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--evaluations", type=int, default=200)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"{'':8}{'':20}{'mean':>8}{'sd':>8}{'seconds':>10}")
    for name in given.problems.split(","):
        problem = mnist() if name == "mnist" else PROBLEMS[name]
        for method in given.methods.split(","):
            start = time.perf_counter()
            seeds = range(given.seeds)
            shares = [problem.share(METHODS[method](problem, given.evaluations, n)) for n in seeds]
            mean, spread = statistics.fmean(shares), statistics.stdev(shares)
            took = (time.perf_counter() - start) / given.seeds
            print(f"{name:8}{method:20}{mean:8.4f}{spread:8.4f}{took:10.1f}", flush=True)


if __name__ == "__main__":
    main()
