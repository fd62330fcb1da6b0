"""The options that commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from tune_jobs.cli import completion
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS

SECONDS_IN = {"s": 1, "m": 60, "h": 3600}


def _seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Seconds as a number, or with a unit: 90s, 10m, 2h."""
    if value is None:
        return None
    number, unit = (value[:-1], value[-1]) if value[-1:] in SECONDS_IN else (value, "s")
    try:
        return float(number) * SECONDS_IN[unit]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a time; give 90s, 10m or 2h") from None


def _several(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | list[str] | None:
    """One text, or several with commas between them."""
    parts = value.split(",") if value else []
    return parts if len(parts) > 1 else value


def _address_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the address to Ray in its own way."""

    @wraps(command)
    def joined(*arguments: Any, address: str | None, **options: Any) -> Any:
        if address is not None:
            os.environ["RAY_ADDRESS"] = address
        return command(*arguments, **options)

    text = "Ray cluster to join: HOST:PORT; auto for the one on this machine, local for none."
    default = "[default: $RAY_ADDRESS, or the one on this machine, if any]"
    return click.option("--address", help=f"{text}  {default}")(joined)


# Options of `run` and of `resume`.
DRIVE_OPTIONS = [
    _address_option,
    click.option("--max-concurrent", type=int, help="Trials at a time.  [default: as many as fit]"),
    click.option("--cpus-per-trial", type=float, help="CPUs; a fraction is possible."),
    click.option("--gpus-per-trial", type=float, help="GPUs; a fraction is possible."),
    click.option("--time-budget", callback=_seconds, help="Time for the whole run: 90s, 10m, 2h."),
    click.option("--max-failures", type=int, help="Restarts of a trial that failed.  [default: 3]"),
    click.option("--fail-fast", is_flag=True, default=None, help="The first failure ends the run."),
    click.option(
        "--trial-timeout", callback=_seconds, help="Longest time without a report: 90s, 10m."
    ),
    click.option(
        "--keep-checkpoints", type=int, help="Newest checkpoints kept of each trial.  [default: 2]"
    ),
    click.option(
        "--keep-best", type=int, help="Best trials whose best epoch is kept too.  [default: 1]"
    ),
    click.option(
        "--checkpoint-quota", metavar="SIZE", help="Limit for all checkpoints: 500MiB, 20GB."
    ),
]
RUN_OPTIONS = [
    click.option("--samples", "num_samples", type=int, help="Number of trials."),
    click.option(
        "--metric", callback=_several, help="A metric that the model reports, or several: a,b."
    ),
    click.option(
        "--mode",
        callback=_several,
        metavar="min|max",
        help="Whether its lowest or its highest value is best; for several metrics min,max.",
    ),
    click.option("--searcher", help=f"One of {', '.join(SEARCHERS)}, or module:Class."),
    click.option("--scheduler", help=f"One of {', '.join(SCHEDULERS)}, or module:Class."),
    click.option("--max-epochs", type=int, help="Epochs of a complete trial."),
    click.option("--folds", type=int, help="Cross-validate; an epoch of a trial is then a fold."),
    click.option(
        "--patience", type=int, metavar="N", help="Stop a trial after N epochs without improvement."
    ),
    click.option("--min-delta", type=float, help="Smallest improvement that counts.  [default: 0]"),
    click.option("--seed", type=int, help="Seed of the searcher, the scheduler and the models."),
    click.option(
        "--warm-start",
        metavar="RUN",
        help="Earlier run whose trials the searcher learns from.",
        shell_complete=completion.runs,
    ),
    click.option("--name", help="Name of the run.  [default: the job's name and the time]"),
    *DRIVE_OPTIONS,
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="learning_rate=0.01 fixes a hyperparameter, scheduler.grace_period=3 sets an option.",
    ),
]
storage_option = click.option(
    "--storage",
    metavar="PLACE",
    help="Folder or s3://bucket/folder of the runs.  [default: $TUNE_JOBS_STORAGE or ./results]",
)


def options(*given: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several options at once, in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(given):
            command = option(command)
        return command

    return decorate
