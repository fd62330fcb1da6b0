"""Searchers beside the libraries they stand on, used natively: regret after equal evaluations.

    python benchmarks/searchers.py [--seeds 20] [--problems branin,hartmann6,mixed,discrete]
                                   [--searchers bayesopt,hyperopt,optuna]

One evaluation after the other, both sides from the same random starts, as many as the library
makes by default, since what follows depends on them more than on anything else. The native side
has the library's defaults and its own space; bayesian-optimization knows no conditions, so there
it is given every parameter of the mixed problem. Printed are medians over the seeds of the gap
between the best value and the known optimum, and ours as a multiple of the native one, with the
interval in which that multiple lies (95 %, a bootstrap over the seeds).
"""

from __future__ import annotations

import argparse
import math
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

# Models of a few hundred points: threads only get in each other's way. Read at their import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hyperopt
import numpy as np
import optuna
from bayes_opt import BayesianOptimization
from numpy.typing import NDArray
from scipy.stats import bootstrap

from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Space
from tune_jobs.search_algos.starting_points import StartingPoints

Config = dict[str, Any]

HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(config: Config) -> float:
    x, y = config["x"], config["y"]
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x**2 + c * x - 6) ** 2 + 10 * (1 - t) * math.cos(x) + 10


def hartmann6(config: Config) -> float:
    x = np.array([config[f"x{n}"] for n in range(6)])
    away = (HARTMANN_A * (x - HARTMANN_P) ** 2).sum(axis=1)
    return float(-np.array([1, 1.2, 3, 3.2]) @ np.exp(-away))


def mixed(config: Config) -> float:
    """Two ways to train, each with a parameter of its own; the rate matters on a log scale."""
    loss = (math.log10(config["rate"]) + 2.5) ** 2 / 4
    if config["optimizer"] == "sgd":
        return loss + 2 * (config["momentum"] - 0.9) ** 2 + 0.01
    penalty = {"l1": 0.02, "l2": 0.0, "none": 0.1}[config["penalty"]]
    return loss + 4 * (config["beta"] - 0.3) ** 2 + penalty


def discrete(config: Config) -> float:
    """A network's shape as people write it, in lists and steps: an order, a bend and a pair that
    matter together."""
    rate = math.log10(config["rate"]) + 2.5
    size = math.log2(config["width"]) / 10 + config["layers"] / 8
    loss = (rate + 0.6 * config["layers"] / 8) ** 2 / 4 + (size - 0.9) ** 2
    loss += {"relu": 0.02, "tanh": 0.15, "gelu": 0.0, "sigmoid": 0.3}[config["activation"]]
    loss += 0.5 * (config["dropout"] - 0.4 * size) ** 2
    return loss + 0.1 * ((config["optimizer"] == "sgd") != (config["rate"] > 0.003))


@dataclass(frozen=True)
class Problem:
    function: Callable[[Config], float]
    optimum: float
    evaluations: int
    space: Space


DISCRETE = Space(
    {
        "layers": Int(1, 8),
        "width": Choice([16, 32, 64, 128, 256, 512, 1024]),
        "activation": Choice(["relu", "tanh", "gelu", "sigmoid"]),
        "optimizer": Choice(["sgd", "adam"]),
        "rate": Choice([1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]),
        "dropout": Float(0, 0.6, step=0.1),
    }
)

PROBLEMS = {
    "branin": Problem(branin, 0.39788736, 50, Space({"x": Float(-5, 10), "y": Float(0, 15)})),
    "hartmann6": Problem(
        hartmann6, -3.32236801, 80, Space({f"x{n}": Float(0, 1) for n in range(6)})
    ),
    "mixed": Problem(
        mixed,
        0.0,
        60,
        Space(
            {
                "optimizer": Choice(["sgd", "adam"]),
                "rate": Float(1e-5, 1, log=True),
                "momentum": Float(0, 1, when={"optimizer": "sgd"}),
                "beta": Float(0, 1, when={"optimizer": "adam"}),
                "penalty": Choice(["none", "l1", "l2"], when={"optimizer": "adam"}),
            }
        ),
    ),
    "discrete": Problem(discrete, min(map(discrete, DISCRETE.configs())), 60, DISCRETE),
}


def starts(problem: Problem, count: int, seed: int) -> list[Config]:
    """The random configs that both sides begin with."""
    rng = np.random.default_rng(seed)
    return [problem.space.sample(rng) for _ in range(count)]


def ours(name: str, problem: Problem, first: list[Config], seed: int) -> float:
    """The best value of our searcher."""
    searcher = StartingPoints(first, resolve_name(SEARCHERS[name])(problem.space, seed))
    history = History(problem.space)
    best = math.inf
    for index in range(problem.evaluations):
        config = searcher.suggest_new(index, history)
        loss = problem.function(config)
        history.suggested(index, config)
        history.reported(index, 1, loss)
        history.ended(index)
        best = min(best, loss)
    return best


def native_bayesopt(problem: Problem, first: list[Config], seed: int) -> float:
    """The library's own loop; a Choice is its categorical parameter, a log scale an exponent."""
    logs = [name for name, domain in problem.space.items() if getattr(domain, "log", False)]
    bounds: dict[str, Any] = {}
    for name, domain in problem.space.items():
        if isinstance(domain, Choice):
            bounds[name] = tuple(domain.values)
        elif isinstance(domain, Int):
            bounds[name] = (domain.low, domain.high, int)
        else:
            ends = (domain.low, domain.high)
            bounds[name] = tuple(map(math.log, ends)) if name in logs else ends

    def target(**params: Any) -> float:
        return -problem.function({**params, **{name: math.exp(params[name]) for name in logs}})

    optimizer = BayesianOptimization(
        target, bounds, random_state=seed, verbose=0, allow_duplicate_points=True
    )
    for config in first:
        params = {**optimizer.random_sample()[0], **config}
        optimizer.probe({**params, **{name: math.log(config[name]) for name in logs}})
    optimizer.maximize(init_points=0, n_iter=problem.evaluations - len(first))
    return -float(optimizer.max["target"])


def native_hyperopt(problem: Problem, first: list[Config], seed: int) -> float:
    """hyperopt.fmin with tpe.suggest and a nested space."""

    trials = hyperopt.Trials()
    for number, config in enumerate(first):
        vals: dict[str, list[Any]] = {name: [] for name in problem.space}
        for name, value in config.items():
            domain = problem.space[name]
            is_place = isinstance(domain, Choice) or name == "layers"
            vals[name] = [domain.index(value) if is_place else value]
        misc = {
            "tid": number,
            "cmd": None,
            "vals": vals,
            "idxs": {name: [number] * len(found) for name, found in vals.items()},
        }
        result = {"status": hyperopt.STATUS_OK, "loss": problem.function(config)}
        (doc,) = trials.new_trial_docs([number], [None], [result], [misc])
        trials.insert_trial_doc({**doc, "state": hyperopt.JOB_STATE_DONE})
    trials.refresh()
    hyperopt.fmin(
        lambda nested: problem.function({**nested, **nested.pop("branch", {})}),
        HYPEROPT_SPACES[problem.function],
        algo=hyperopt.tpe.suggest,
        max_evals=problem.evaluations,
        trials=trials,
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
    )
    return float(min(trials.losses()))


def choice(name: str) -> Any:
    """A Choice of the discrete problem."""
    return hyperopt.hp.choice(name, DISCRETE[name].values)


HYPEROPT_SPACES: dict[Callable[[Config], float], Any] = {
    discrete: {
        **{name: choice(name) for name in ("width", "activation", "optimizer", "rate")},
        "layers": 1 + hyperopt.hp.randint("layers", 8),
        "dropout": hyperopt.hp.quniform("dropout", -0.05, 0.65, 0.1),
    },
    branin: {"x": hyperopt.hp.uniform("x", -5, 10), "y": hyperopt.hp.uniform("y", 0, 15)},
    hartmann6: {f"x{n}": hyperopt.hp.uniform(f"x{n}", 0, 1) for n in range(6)},
    mixed: {
        "rate": hyperopt.hp.loguniform("rate", math.log(1e-5), math.log(1)),
        "branch": hyperopt.hp.choice(
            "optimizer",
            [
                {"optimizer": "sgd", "momentum": hyperopt.hp.uniform("momentum", 0, 1)},
                {
                    "optimizer": "adam",
                    "beta": hyperopt.hp.uniform("beta", 0, 1),
                    "penalty": hyperopt.hp.choice("penalty", ["none", "l1", "l2"]),
                },
            ],
        ),
    },
}


def native_optuna(problem: Problem, first: list[Config], seed: int) -> float:
    """study.optimize with the TPE sampler, define-by-run."""

    def objective(trial: optuna.Trial) -> float:
        def value(name: str, domain: Any) -> Any:
            if isinstance(domain, Choice):
                return trial.suggest_categorical(name, domain.values)
            if isinstance(domain, Int):
                return trial.suggest_int(name, domain.low, domain.high)
            return trial.suggest_float(
                name, domain.low, domain.high, log=domain.log, step=domain.step
            )

        return problem.function(problem.space.build(value))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    for config in first:
        study.enqueue_trial(config)
    study.optimize(objective, n_trials=problem.evaluations)
    return study.best_value


NATIVE = {"bayesopt": native_bayesopt, "hyperopt": native_hyperopt, "optuna": native_optuna}
STARTS = {"bayesopt": 5, "hyperopt": 20, "optuna": 10}  # the libraries' defaults


def gaps(name: str, problem: Problem, seeds: int) -> tuple[list[float], list[float]]:
    """The gaps to the optimum of every seed: ours, native."""
    mine, theirs = [], []
    for seed in range(seeds):
        first = starts(problem, STARTS[name], seed)
        mine.append(ours(name, problem, first, seed) - problem.optimum)
        theirs.append(NATIVE[name](problem, first, seed) - problem.optimum)
    return mine, theirs


def ratio(mine: NDArray[Any], theirs: NDArray[Any], axis: int = -1) -> Any:
    """Of the medians."""
    return np.median(mine, axis) / np.median(theirs, axis)


def row(mine: list[float], theirs: list[float]) -> str:
    """The medians, their ratio, and the interval of the ratio."""
    pairs = (mine, theirs)
    low, high = bootstrap(pairs, ratio, paired=True, method="percentile", rng=0).confidence_interval
    return (
        f"{np.median(mine):12.3g}{np.median(theirs):12.3g}{ratio(*map(np.array, pairs)):8.2f}"
        f"   {low:.2f} to {high:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--searchers", default=",".join(NATIVE))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"{'':12}{'searcher':12}{'ours':>12}{'native':>12}{'ratio':>8}   its interval")
    for name in given.problems.split(","):
        problem = PROBLEMS[name]
        for searcher in given.searchers.split(","):
            gap = row(*gaps(searcher, problem, given.seeds))
            print(f"{name:12}{searcher:12}{gap}", flush=True)


if __name__ == "__main__":
    main()
