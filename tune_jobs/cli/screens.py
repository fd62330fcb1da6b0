"""What the command line prints about jobs and runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.table import Table

from tune_jobs.errors import UserError, kind_of
from tune_jobs.experiment.state import RunState, Status
from tune_jobs.job.declaration import Declaration
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import field_names, name_of
from tune_jobs.runs.books import driver_of
from tune_jobs.runs.folder import RunFolder, near
from tune_jobs.runs.journal import read
from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.simulation.comparison import Outcome
from tune_jobs.views import texts


def print_jobs(console: Console, jobs: Iterable[tuple[TuneJob, ModuleType]]) -> None:
    table = _table("job", "searcher × scheduler", "trials", "epochs", "what it is")
    for job, module in jobs:
        table.add_row(
            job.name,
            job.method,
            str(job.num_samples),
            f"{job.folds} folds" if job.folds else str(job.max_epochs),
            re.split(r"[:;.](?:\s|$)", _docstring(module))[0],  # `show` has the whole
        )
    console.print(table)
    console.print()
    console.print(f"searchers   {', '.join(SEARCHERS)}", highlight=False)
    console.print(f"schedulers  {', '.join(SCHEDULERS)}", highlight=False)


def print_job(console: Console, job: TuneJob, module: ModuleType) -> None:
    console.print(_docstring(module), markup=False, highlight=False)
    console.print()
    fields = _table("field", "value")
    for name in field_names(job):
        value = getattr(job, name)
        if name != "space" and value not in (None, {}, []):
            fields.add_row(name, name_of(value))
    console.print(fields)
    console.print()
    space = _table("hyperparameter", "values", "only if")
    for name, value in job.space.items():
        when = getattr(value, "when", None) or {}
        space.add_row(name, _values(value), ", ".join(f"{p} is {v}" for p, v in when.items()))
    console.print(space)


def print_runs(console: Console, folders: Iterable[RunFolder]) -> None:
    """Oldest first; those that cannot be read at the end."""
    table = _table("run", "status", "trials", "epochs", "best")
    read, unreadable = [], []
    for folder in folders:
        try:
            folder.fetch()
            read.append((folder, _read(folder)[1]))
        except UserError as error:
            unreadable.append((folder, str(error)))
    for folder, state in sorted(read, key=lambda run: run[1].started):
        trials = f"{state.ended}/{state.extent.trials}"
        table.add_row(
            folder.name, _status(folder, state), trials, str(state.epochs_total), texts.best(state)
        )
    for folder, problem in unreadable:
        table.add_row(folder.name, "unreadable", "", "", problem)
    console.print(table)


def print_run(console: Console, folder: RunFolder) -> None:
    declared, state = _read(folder)
    console.print(f"{folder.where}: {_status(folder, state)}", highlight=False, soft_wrap=True)
    for line in [*_so_far(declared, state), *_way_on(folder, state)]:
        console.print(line, highlight=False, soft_wrap=True)
    trials = _table("trial", "status", "epoch", f"best {declared.metric}", "config", "")
    for trial in state.trials.values():
        trials.add_row(
            str(trial.trial_id),
            trial.status.value,
            str(trial.epoch),
            texts.number(state.objective.value(trial.best_loss)) if trial.best_epoch else "",
            texts.values(trial.config),
            texts.outcome(trial, state),
        )
    console.print(trials)
    for warning in state.warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
    for error, numbers in _errors(state).items():
        console.print(f"\nfailed: trial {', '.join(map(str, numbers))}", highlight=False)
        console.print(error, markup=False, highlight=False, soft_wrap=True)


def _errors(state: RunState) -> dict[str, list[int]]:
    """What trials failed with, one error of every kind, and which trials those are."""
    found: dict[str, tuple[str, list[int]]] = {}
    for trial in state.with_status(Status.FAILED):
        _, numbers = found.setdefault(kind_of(trial.note), (trial.note, []))
        numbers.append(trial.trial_id)
    return dict(found.values())


def print_comparison(
    console: Console, job: TuneJob, workers: int, outcomes: Iterable[Outcome]
) -> None:
    console.print(
        f"{job.name}: {job.num_samples} trials of up to {job.training} on {workers} "
        "workers, simulated",
        highlight=False,
    )
    table = _table(
        "searcher × scheduler",
        f"best {job.metric}",
        "regret",
        "trials",
        "epochs",
        "virtual time",
        "workers busy",
    )
    for outcome in outcomes:
        table.add_row(
            outcome.method,
            "" if outcome.best is None else texts.number(outcome.best),
            "" if outcome.regret is None else texts.number(outcome.regret),
            str(outcome.trials),
            str(outcome.epochs),
            texts.clock(outcome.seconds),
            f"{outcome.utilisation:.0%}",
        )
    console.print(table)


def print_result(console: Console, folder: RunFolder, state: RunState) -> None:
    """How a run ended; the way to go on where there is more to do."""
    declared = folder.read_declaration()
    console.print()
    for line in _so_far(declared, state):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"run   {folder.where}", highlight=False, soft_wrap=True)
    console.print(
        f"look  tensorboard --logdir {near(folder.tensorboard)}", highlight=False, soft_wrap=True
    )
    for line in _way_on(folder, state):
        console.print(line, highlight=False, soft_wrap=True)


def _way_on(folder: RunFolder, state: RunState) -> list[str]:
    """The command that goes on with a run that is neither finished nor at work."""
    if (state.closed and state.closed.status == "finished") or driver_of(folder):
        return []
    return [f"next  {folder.resume_command}"]


def _so_far(declared: Declaration, state: RunState) -> list[str]:
    took = texts.clock(state.seconds)
    lines = [f"      {texts.counts(state)}, {took}"]
    full = len(state.trials) * state.extent.reports
    if full and state.closed and state.closed.status == "finished":
        lines[0] += f", {1 - state.epochs_total / full:.0%} of {full} epochs saved"
    if state.incumbent:
        lines.append(f"best  {texts.best(state).removeprefix('best ')}")
        lines.append(f"      {texts.values({**declared.constants, **state.incumbent.config})}")
    if state.tested:
        lines.append(f"test  {texts.tested(state.tested)}")
    if state.closed and state.closed.reason:
        lines.append(f"why   {state.closed.reason}")
    return lines


def _read(folder: RunFolder) -> tuple[Declaration, RunState]:
    declared = folder.read_declaration()
    return declared, declared.state(read(folder.journal))


def _status(folder: RunFolder, state: RunState) -> str:
    if driver := driver_of(folder):
        return f"running, {driver}"
    return state.closed.status if state.closed else "its driver died"


def _docstring(module: ModuleType) -> str:
    return (module.__doc__ or "").strip()


def _values(value: Any) -> str:
    match value:
        case Choice():
            return "one of " + ", ".join(map(str, value.values))
        case Float() | Int():
            scale = ", log scale" if value.log else ""
            step = f", step {value.step}" if value.step not in (None, 1) else ""
            return f"{value.low:g} to {value.high:g}{scale}{step}"
    return str(value)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0)
    return table
