"""What the command line prints about jobs and runs."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.text import Text

from tune_jobs.cli.trials import trials_shown
from tune_jobs.errors import UserError, counted, kind_of
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status
from tune_jobs.job.declaration import Declaration
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import field_names, name_of
from tune_jobs.runs.folder import RunFolder, near
from tune_jobs.runs.journal import read
from tune_jobs.runs.lock import holder_of
from tune_jobs.search_algos.conditions import in_words
from tune_jobs.search_algos.domains import Choice, Float, Int, Normal
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.simulation.comparison import Outcome
from tune_jobs.views import texts
from tune_jobs.views.screen import cell, table

SHOWN_AT_MOST = 10  # warnings, and trials with the same error


def print_jobs(console: Console, jobs: Iterable[tuple[TuneJob, ModuleType]]) -> None:
    shown = table("job", "searcher × scheduler", "trials", "epochs", "what it is")
    for job, module in jobs:
        what = re.split(r"[:;.](?:\s|$)", _docstring(module))[0]  # `show` has the whole
        missing = _missing_program(job)
        shown.add_row(
            cell(job.name),
            cell(job.method),
            cell(job.num_samples),
            cell(f"{job.folds} folds" if job.folds else job.max_epochs),
            cell(f"{what} (cannot run here: there is no {missing})" if missing else what),
        )
    console.print(shown)
    console.print()
    say(console, f"searchers   {', '.join(SEARCHERS)}")
    say(console, f"schedulers  {', '.join(SCHEDULERS)}")


def print_job(console: Console, job: TuneJob, module: ModuleType) -> None:
    say(console, texts.block(_docstring(module)))
    console.print()
    fields = table("field", "value")
    for name in field_names(job):
        value = getattr(job, name)
        if name == "best":
            value = job.objective.best
        if name == "callbacks":
            value = [type(callback).__name__ for callback in value]
        if name != "space" and value not in (None, {}, []):
            fields.add_row(cell(name), cell(name_of(value)))
    console.print(fields)
    console.print()
    space = table("hyperparameter", "values", "only if")
    for name, value in job.flat.items():
        when = getattr(value, "when", None) or {}
        only_if = ", ".join(f"{parent} is {in_words(wanted)}" for parent, wanted in when.items())
        space.add_row(cell(name), cell(_values(value)), cell(only_if))
    console.print(space)


def print_runs(console: Console, folders: Iterable[RunFolder]) -> None:
    """Oldest first; those that cannot be read at the end."""
    shown = table("run", "status", "trials", "epochs", "best")
    read, unreadable = [], []
    for folder in folders:
        try:
            read.append((folder, read_run(folder)[1]))
        except UserError as error:
            unreadable.append((folder, str(error)))
    for folder, state in sorted(read, key=lambda run: run[1].started):
        shown.add_row(
            cell(folder.name),
            cell(_status(state)),
            cell(f"{state.ended}/{state.extent.trials}"),
            cell(state.epochs_total),
            cell(texts.best(state)),
        )
    for folder, problem in unreadable:
        shown.add_row(cell(folder.name), cell("unreadable"), cell(""), cell(""), cell(problem))
    console.print(shown)


def print_run(console: Console, folder: RunFolder, top: int = 20, sort: str | None = None) -> None:
    declared, state = read_run(folder)
    shown = trials_shown(state, top, sort, console.width)
    say(console, f"{folder.where}: {_status(state)}")
    for line in [*_so_far(declared, state), *_way_on(folder, state)]:
        say(console, line)
    console.print()
    for part in shown:
        console.print(part)
    for warning in state.warnings[:SHOWN_AT_MOST]:
        say(console, f"warning: {texts.printable(warning)}")
    if more := len(state.warnings[SHOWN_AT_MOST:]):
        say(console, f"and {counted(more, 'more warning')}")
    for error, numbers in _errors(state).items():
        beyond = len(numbers) - SHOWN_AT_MOST
        which = ", ".join(map(str, numbers[:SHOWN_AT_MOST]))
        say(console, f"\nfailed: trial {which}{f' and {beyond} more' if beyond > 0 else ''}")
        say(console, texts.block(error))


def print_comparison(
    console: Console, job: TuneJob, workers: int, outcomes: Iterable[Outcome]
) -> None:
    budget = job.num_samples * job.extent.reports
    share = f"{counted(budget, job.objective.unit)}, those of {job.num_samples} complete trials"
    say(console, f"{job.name}: every method has {share}; {counted(workers, 'worker')}, simulated")
    shown = table(
        "searcher × scheduler",
        f"best {job.metric}",
        "regret",
        "trials",
        f"{job.objective.unit}s",
        "virtual time",
        "workers busy",
    )
    for outcome in outcomes:
        shown.add_row(
            cell(outcome.method),
            cell("" if outcome.best is None else outcome.best),
            cell("" if outcome.regret is None else outcome.regret),
            cell(outcome.trials),
            cell(outcome.epochs),
            cell(texts.clock(outcome.seconds)),
            cell(f"{outcome.utilisation:.0%}"),
        )
    console.print(shown)


def print_result(console: Console, folder: RunFolder, state: RunState) -> None:
    """How a run ended, and the command that continues it if there is more to do."""
    console.print()
    for line in _so_far(folder.read_declaration(), state):
        say(console, line)
    say(console, f"run   {folder.where}")
    looks = [f"tensorboard --logdir {shlex.quote(str(near(folder.tensorboard)))}"]
    if folder.report.is_file():
        looks.insert(0, str(near(folder.report)))
    say(console, "look  " + "\n      ".join(looks))
    for line in _way_on(folder, state):
        say(console, line)


def say(console: Console, text: str) -> None:
    """Prints lines that a terminal wraps, so that they can be copied as a whole."""
    console.print(Text(text), soft_wrap=True)


def _errors(state: RunState) -> dict[str, list[int]]:
    """The errors of failed trials, one of each kind, with the numbers of their trials."""
    found: dict[str, tuple[str, list[int]]] = {}
    for trial in state.with_status(Status.FAILED):
        _, numbers = found.setdefault(kind_of(trial.note), (trial.note, []))
        numbers.append(trial.trial_id)
    return dict(found.values())


def _way_on(folder: RunFolder, state: RunState) -> list[str]:
    """The command that continues a run that is neither finished nor running."""
    if (state.closed and state.closed.status == "finished") or state.driver:
        return []
    return [f"next  {folder.resume_command}"]


def _so_far(declared: Declaration, state: RunState) -> list[str]:
    lines = [f"      {texts.counts(state)}, {texts.clock(state.seconds)}"]
    full = len(state.trials) * state.extent.reports
    if state.counts[Status.STOPPED] and state.closed and state.closed.status == "finished":
        saved = 1 - state.epochs_total / full
        lines[0] += f", {saved:.0%} of {counted(full, state.objective.unit)} saved"
    if state.incumbent:
        lines.append(f"best  {texts.best(state).removeprefix('best ')}")
        config = {**declared.constants, **state.incumbent.config, **state.incumbent.derived}
        lines.append(f"      {texts.values(config)}")
    if state.tested:
        lines.append(f"test  {texts.tested(state.tested)}")
    if cost := texts.cost(state):
        lines.append(f"cost  {cost}")
    if state.closed and state.closed.reason:
        lines.append(f"why   {texts.block(state.closed.reason)}")
    return lines


def read_run(folder: RunFolder) -> tuple[Declaration, RunState]:
    """A run as it is now. Raises UserError if it cannot be read."""
    driver = holder_of(folder)  # first: what a driver wrote until its end must not be missed
    folder.fetch()
    declared = folder.read_declaration()
    state = declared.state(read(folder.journal))
    state.driver = driver
    return declared, state


def _status(state: RunState) -> str:
    if state.driver:
        return f"running, {state.driver}"
    return state.closed.status if state.closed else "its driver died"


def _missing_program(job: TuneJob) -> str:
    """The program that a job starts, if it is not on this machine."""
    command = job.space.get("command") if job.model == "command" else None
    words = shlex.split(command) if isinstance(command, str) else []
    known = words and "{" not in words[0]
    return words[0] if known and not shutil.which(words[0]) else ""


def _docstring(module: ModuleType) -> str:
    return (module.__doc__ or "").strip()


def _values(value: Any) -> str:
    match value:
        case Choice():
            return "one of " + ", ".join(map(str, value.values))
        case Normal():
            step = f", step {value.step}" if value.step else ""
            return f"normal, mean {value.mean:g}, standard deviation {value.sd:g}{step}"
        case Float() | Int():
            scale = ", log scale" if value.log else ""
            step = f", step {value.step}" if value.step not in (None, 1) else ""
            return f"{value.low:g} to {value.high:g}{scale}{step}"
    return str(value)
