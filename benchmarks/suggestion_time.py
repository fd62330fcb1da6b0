"""How long a suggestion takes, and whether reports wait for it.

    python benchmarks/suggestion_time.py [--repeats 15]

Hartmann-6 with a seventh parameter that does nothing, random observations, seven trials at
work. The library beside `bayesopt` is bayesian-optimization with its defaults. The second table
is one experiment of `bayesopt` at 100 observations, asked for a trial in the background: how
long the loop was held up by asking, by a report meanwhile, and how long the answer took.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pkgutil import resolve_name
from statistics import median

import numpy as np
from bayes_opt import BayesianOptimization
from searchers import hartmann6

from tune_jobs.experiment.suggest import NOT_YET, InBackground
from tune_jobs.search_algos.domains import Float
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Space

SPACE = Space({f"x{n}": Float(0, 1) for n in range(7)})


def observed(count: int) -> History:
    """A history of random trials."""
    rng = np.random.default_rng(0)
    history = History(SPACE)
    for number in range(count + 7):
        config = SPACE.sample(rng)
        history.suggested(number, config)
        if number < count:
            history.reported(number, 1, hartmann6(config))
            history.ended(number)
    return history


def library(history: History) -> Callable[[], object]:
    """bayesian-optimization as it comes, told the same."""
    bounds = dict.fromkeys(SPACE, (0.0, 1.0))
    optimizer = BayesianOptimization(None, bounds, random_state=0, verbose=0)
    for config, loss in history.learning_set(1).observed:
        optimizer.register(config, -loss)
    return optimizer.suggest


def milliseconds(ask: Callable[[], object], repeats: int) -> float:
    ask()  # the first one imports
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def held_up(repeats: int) -> tuple[float, float, float]:
    """Milliseconds: the longest question, the longest report meanwhile, the median answer."""
    suggest = InBackground(resolve_name(SEARCHERS["bayesopt"])(SPACE, 0))
    questions, reports, answers = [], [], []
    for index in range(repeats):
        history = observed(100)
        begun = time.perf_counter()
        config: object = NOT_YET
        while config is NOT_YET:
            start = time.perf_counter()
            config = suggest(107 + index, history, alone=False)
            asked = time.perf_counter()
            history.reported(100, 1 + len(reports), 0.5)
            questions.append(asked - start)
            reports.append(time.perf_counter() - asked)
        answers.append(time.perf_counter() - begun)
    return 1000 * max(questions), 1000 * max(reports), 1000 * median(answers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    sizes = (25, 50, 100, 200)
    print("milliseconds at", *(f"{size:>8}" for size in sizes), " observations")
    for name in ("random", "hyperopt", "optuna", "bayesopt"):
        row = []
        for size in sizes:
            history, searcher = observed(size), resolve_name(SEARCHERS[name])(SPACE, 0)
            row.append(milliseconds(lambda s=searcher, h=history: s.suggest(999, h), given.repeats))
        print(f"{name:15}", *(f"{value:8.1f}" for value in row), flush=True)
    row = [milliseconds(library(observed(size)), given.repeats // 3) for size in sizes]
    print(f"{'the library':15}", *(f"{value:8.1f}" for value in row))
    question, report, answer = held_up(given.repeats)
    print(
        f"\nin the background: question at most {question:.1f} ms, report at most {report:.1f} ms"
    )
    print(f"answer after {answer:.0f} ms")


if __name__ == "__main__":
    main()
