"""The trials of a run as a table that fits where it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tune_jobs.errors import UserError, counted, nearest
from tune_jobs.experiment.state import RunState, Status, Trial
from tune_jobs.views import texts
from tune_jobs.views.screen import table

WHY_WIDTH = 24  # columns of a terminal for why a trial ended, at least
_BETWEEN = 2  # columns


class _Column(NamedTuple):
    title: str
    value: Callable[[Trial], Any]  # None where there is none
    is_searched: bool = False


def print_trials(console: Console, state: RunState, top: int, sort: str | None) -> None:
    """The first ``top`` trials by a column, the best first unless another is named.

    Raises UserError for a column that is not there.
    """
    columns = _columns(state)
    trials = sorted(state.trials.values(), key=_order(columns, sort, state))
    rows = [[_shown(column.value(trial)) for column in columns] for trial in trials[:top]]
    widths = [_width(column.title, [row[n] for row in rows]) for n, column in enumerate(columns)]
    fit = _fitting(columns, widths, console.width)
    drawn = table(*(columns[n].title for n in fit))
    for column in drawn.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    best = state.incumbent.trial_id if state.incumbent else None
    for trial, row in zip(trials, rows, strict=False):
        style = "bold" if trial.trial_id == best else ""
        drawn.add_row(*(Text(row[n]) for n in fit), style=style)
    console.print(drawn)
    more = max(0, len(trials) - top)
    left_out = [column.title for n, column in enumerate(columns) if n not in fit]
    for line in _not_shown(len(trials), more, left_out):
        console.print(Text(line, style="dim"), soft_wrap=True)


def _columns(state: RunState) -> list[_Column]:
    objective = state.objective
    best_id = state.incumbent.trial_id if state.incumbent else None
    searched = dict.fromkeys(name for trial in state.trials.values() for name in trial.config)

    def parameter(name: str) -> Callable[[Trial], Any]:
        return lambda trial: trial.config.get(name)

    def best(trial: Trial) -> Any:
        return objective.value(trial.best_loss) if trial.best_epoch else None

    return [
        _Column("", lambda trial: "*" if trial.trial_id == best_id else None),
        _Column("trial", lambda trial: trial.trial_id),
        _Column("status", lambda trial: trial.status.value),
        _Column(f"{objective.unit}s", lambda trial: trial.epoch),
        _Column(objective.metric, best),
        *(_Column(name, parameter(name), is_searched=True) for name in searched),
        _Column("why", lambda trial: _why(trial, state)),
    ]


def _why(trial: Trial, state: RunState) -> str | None:
    """Why it ended early, and what befell it."""
    said = [f"moved {counted(len(trial.moves), 'time')}"] if trial.moves else []
    if trial.failures and trial.status is not Status.FAILED:
        said.append(f"started again {counted(trial.failures, 'time')}")
    if trial.note and trial.status is not Status.COMPLETED:
        said.append(texts.outcome(trial, state))
    return "; ".join(said) or None


def _order(
    columns: Sequence[_Column], sort: str | None, state: RunState
) -> Callable[[Trial], tuple[Any, ...]]:
    if sort is None or sort == state.objective.metric:
        return lambda trial: (
            not trial.best_epoch,
            state.objective.rank(trial.best_epoch, trial.best_loss),
            trial.trial_id,
        )
    by = next((column.value for column in columns if column.title == sort), None)
    if by is None:
        titles = [column.title for column in columns if column.title]
        raise UserError(f"--sort is {sort!r}, which is no column; {nearest(sort, titles)}")

    def place(trial: Trial) -> tuple[Any, ...]:
        value = by(trial)
        is_number = isinstance(value, (int, float))
        number, text = (value, "") if is_number else (0.0, str(value))
        return value is None, not is_number, number, text, trial.trial_id

    return place


def _shown(value: Any) -> str:
    return "" if value is None else texts.number(value)


def _width(title: str, cells: Sequence[str]) -> int:
    return max(map(cell_len, [title, *cells]))


def _fitting(columns: Sequence[_Column], widths: Sequence[int], room: int) -> list[int]:
    """The places of the columns that fit: the last searched hyperparameters go first."""
    fit = list(range(len(columns)))

    def too_wide() -> bool:
        needed = [min(widths[n], WHY_WIDTH) if n == len(columns) - 1 else widths[n] for n in fit]
        return sum(needed) + _BETWEEN * len(fit) > room

    for n in reversed(range(len(columns))):
        if columns[n].is_searched and too_wide():
            fit.remove(n)
    return fit


def _not_shown(total: int, more: int, columns: Sequence[str]) -> Iterator[str]:
    if more:
        yield f"{counted(more, 'more trial')}: --top {total} shows all"
    if columns:
        yield f"no room for {', '.join(columns)}: a wider terminal or --json shows all"
