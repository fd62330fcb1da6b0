"""The trials of a run as a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from tune_jobs.errors import UserError, counted, nearest
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.views import texts
from tune_jobs.views.screen import table

WHY_WIDTH = 16  # columns of a terminal for why a trial ended, at least
_BETWEEN = 2  # columns


class _Column(NamedTuple):
    title: str
    value: Callable[[Trial], Any]  # None where there is none
    is_searched: bool = False


def trials_shown(state: RunState, top: int, sort: str | None, room: int) -> list[Table | Text]:
    """The first ``top`` trials, sorted by a column (by default the best come first), as wide as
    ``room`` characters; and a note of what is left out.

    Raises UserError for an unknown column.
    """
    columns = _columns(state)
    trials = sorted(state.trials.values(), key=_order(columns, sort, state))[:top]
    rows = [[_shown(column.value(trial)) for column in columns] for trial in trials]
    places = range(len(columns))
    titles = [texts.printable(column.title, texts.VALUE_LENGTH) for column in columns]
    widths = [_width([titles[n], *(row[n] for row in rows)]) for n in places]
    if sum(widths) + _BETWEEN * len(widths) > room:
        titles = [_in_two_lines(titles[n], [row[n] for row in rows]) for n in places]
        widths = [_width([*titles[n].split("\n"), *(row[n] for row in rows)]) for n in places]
    fit = _fitting(columns, widths, room)
    others = sum(widths[n] + _BETWEEN for n in fit if n != places[-1])
    widths[-1] = min(widths[-1], room - others)
    drawn = table(*(titles[n] for n in fit))
    for n, column in zip(fit, drawn.columns, strict=True):
        column.no_wrap, column.overflow, column.width = True, "ellipsis", widths[n]
    for trial, row in zip(trials, rows, strict=True):
        is_best = state.incumbent and state.incumbent.trial_id == trial.trial_id
        drawn.add_row(*(Text(row[n]) for n in fit), style="bold" if is_best else "")
    left_out = [columns[n].title for n in places if n not in fit]
    return [drawn, *_not_shown(len(state.trials), len(state.trials) - len(trials), left_out)]


def _columns(state: RunState) -> list[_Column]:
    objective = state.objective
    front = {best.trial_id for best in state.front}
    searched = dict.fromkeys(name for trial in state.trials.values() for name in trial.config)

    def parameter(name: str) -> Callable[[Trial], Any]:
        return lambda trial: trial.config.get(name)

    def best(metric: str) -> Callable[[Trial], Any]:
        return lambda t: objective.values(t.best_loss)[metric] if t.best_epoch else None

    return [
        _Column("", lambda trial: "*" if trial.trial_id in front else None),
        _Column("trial", lambda trial: trial.trial_id),
        _Column("status", lambda trial: texts.trial_status(trial.status, state)),
        _Column(f"{objective.unit}s", lambda trial: trial.epoch),
        *(_Column(metric, best(metric)) for metric in objective.metrics),
        *(_Column(name, parameter(name), is_searched=True) for name in searched),
        _Column("why", lambda trial: _why(trial, state)),
    ]


def _why(trial: Trial, state: RunState) -> str | None:
    """Why it ended early, and what happened to it."""
    times = counted(len(trial.moves), "time")
    said = [f"moved {times}: {texts.last_line(trial.moves[-1])}"] if trial.moves else []
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
        raise UserError(f"--sort is {sort!r}, which is not a column; {nearest(sort, titles)}")

    def place(trial: Trial) -> tuple[Any, ...]:
        value = by(trial)
        is_number = isinstance(value, (int, float))
        number, text = (value, "") if is_number else (0.0, str(value))
        return value is None, not is_number, number, text, trial.trial_id

    return place


def _shown(value: Any) -> str:
    return "" if value is None else texts.number(value)


def _in_two_lines(title: str, cells: Sequence[str]) -> str:
    """A title that is much wider than what stands below it."""
    return title.replace("_", "_\n", 1) if cell_len(title) > _width(cells) + 1 else title


def _width(cells: Sequence[str]) -> int:
    return max(map(cell_len, cells), default=0)


def _fitting(columns: Sequence[_Column], widths: Sequence[int], room: int) -> list[int]:
    """The places of the columns that fit. Why trials ended is cut short, then goes, and then the
    last hyperparameters go."""
    fit = list(range(len(columns)))
    why = fit[-1]

    def too_wide() -> bool:
        needed = [min(widths[n], WHY_WIDTH) if n == why else widths[n] for n in fit]
        return sum(needed) + _BETWEEN * len(fit) > room

    for n in [why, *reversed(range(why))]:
        if (n == why or columns[n].is_searched) and too_wide():
            fit.remove(n)
    return fit


def _not_shown(total: int, more: int, columns: Sequence[str]) -> Iterator[Text]:
    if more:
        yield Text(f"{counted(more, 'more trial')}: --top {total} shows all", style="dim")
    if columns:
        named = texts.printable(", ".join(columns))
        yield Text(f"not shown: {named}; a wider terminal or --json has all", style="dim")
