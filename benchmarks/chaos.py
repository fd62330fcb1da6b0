"""What a killed driver costs: runs that are killed again and again, beside runs left alone.

    python benchmarks/chaos.py [--kills 20] [--seed 0] [--only asha,hyperopt,1]

Drivers get SIGKILL at random moments, also of their start; every fourth time all of Ray's
processes get it too, as in a power cut. After each one `tune-jobs resume` goes on. With one
trial at a time the run must end with the very table and result of the one that was left alone.
With two the order of reports is up to chance, but not what is lost: no trial, no recorded
epoch, and a kill costs at most the epochs at work. Exits with 1 where anything is not so.
"""

from __future__ import annotations

import random
import sys
import time
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from chaos_run import Case, Run, again, losses
from killing import cluster, lines, moments

SCHEDULERS, SEARCHERS = ("asha", "hyperband", "pbt"), ("hyperopt", "bayesopt")
CASES = [
    *(Case(scheduler, searcher, 1) for scheduler, searcher in product(SCHEDULERS, SEARCHERS)),
    Case("asha", "hyperopt", 2),
]
COLUMNS = ("at once", "kills", "trials", "recorded", "trained", "again", "equal", "seconds")
ROW = "{:22}" + "{:>10}" * len(COLUMNS)


@click.command()
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--kills", default=20, show_default=True, help="Of each run.")
@click.option("--only", default="", help="Methods, trials at once: asha,hyperopt,1.")
def main(seed: int, kills: int, only: str) -> None:
    """What a killed driver costs: runs killed again and again, beside runs left alone."""
    wanted = set(filter(None, only.split(",")))
    print(ROW.format("searcher × scheduler", *COLUMNS), flush=True)
    wrong = []
    for case in CASES:
        if wanted <= {case.scheduler, case.searcher, str(case.concurrent)}:
            try:
                wrong += examine(case, random.Random(f"{seed} {case}"), kills)
            except (RuntimeError, TimeoutError) as error:
                wrong.append(f"{case}: {error}")
    sys.exit("\n".join(wrong) or 0)


def examine(case: Case, rng: random.Random, kills: int) -> list[str]:
    """Prints a row; returns what is wrong."""
    start = time.monotonic()
    with TemporaryDirectory(prefix="chaos-") as folder, cluster(Path(folder)) as address:
        alone, killed = (Run(case, Path(folder), name) for name in ("alone", "killed"))
        alone.go_on(address)
        killed.go_on(address, moments(rng, kills, lines(alone.folder.journal)))
        equal = (killed.table, killed.best) == (alone.table, alone.best)
        problems = [*losses(alone), *losses(killed)]
        if not equal and case.concurrent == 1:
            problems.append("what came of it is not what came of the one left alone")
        cells = (
            case.concurrent,
            len(killed.kills),
            len(killed.table),
            len(killed.recorded),
            len(killed.trained),
            again(killed),
            ("yes" if equal else "no") if case.concurrent == 1 else "",
            round(time.monotonic() - start),
        )
    name = f"{case.searcher} × {case.scheduler}"
    print(ROW.format(name, *cells), flush=True)
    return [f"{name}, {case.concurrent} at once: {problem}" for problem in problems]


if __name__ == "__main__":
    main()
