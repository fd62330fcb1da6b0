"""What the live view shows of a run, in the room that a terminal has.

It costs the same however many trials there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from tune_jobs.experiment.census import Rung
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.views import texts
from tune_jobs.views.screen import cell, table

ROOMY = 14  # lines, from which on there is more than the essential
HIGH = 32  # lines, from which on the rungs are a table, and tables stand apart
WITH_CONFIG = 110  # columns, from which on a trial that ended is shown with its config
RUNGS_AT_MOST = 8  # in the table
ENDED_AT_LEAST = 4  # lines

NARROW: Mapping[str, Any] = {"max_width": 24}
REASON: Mapping[str, Any] = {"max_width": 52}
WIDE: Mapping[str, Any] = {"ratio": 1}  # of what the others leave

Row = Sequence[Any]


class Part(NamedTuple):
    """Something to print that takes this many lines."""

    shown: RenderableType
    lines: int


def frame(state: RunState, width: int, height: int) -> Group:
    """Of at most ``height`` lines: the counts, the best trial, what is in use, the rungs, the
    running trials, and those that ended last."""
    apart, with_config = height >= HIGH, width >= WITH_CONFIG
    running, ended = state.with_status(Status.RUNNING), state.census.last_ended
    shown = list(_head(state, height))
    room = height - sum(part.lines for part in shown)
    for_ended = 1 + apart + min(len(ended), ENDED_AT_LEAST) if ended else 0
    shown += _running(running, state, room - for_ended, apart)
    room = height - sum(part.lines for part in shown)
    shown += _ended(ended, state, room, apart, with_config)
    return Group(*(part.shown for part in shown))


def _head(state: RunState, height: int) -> Iterator[Part]:
    yield _line(texts.counts(state))
    yield _line(texts.best(state))
    if height < ROOMY:
        return
    if state.incumbent:
        yield _line(f"with {texts.values(state.incumbent.config)}")
    yield from (_line(text) for text in (texts.in_use(state), texts.cost(state)) if text)
    rungs = state.census.rungs(Status.STOPPED, Status.PAUSED)
    if rungs:
        yield from _rungs(rungs, state) if height >= HIGH else [_line(texts.rungs(rungs, state))]


def _rungs(rungs: Sequence[Rung], state: RunState) -> Iterator[Part]:
    titles = [state.objective.unit, "reached", "stopped", "waiting", "went on"]
    rows = [[r.epoch, r.reached, r.stopped, r.waiting, r.went_on] for r in rungs[:RUNGS_AT_MOST]]
    yield _line("")
    yield _table([(title, NARROW) for title in titles], rows)


def _running(trials: Sequence[Trial], state: RunState, room: int, apart: bool) -> Iterator[Part]:
    """As many as fit, and how many others there are."""
    fit = max(1, room - 1 - apart)
    if len(trials) > fit:
        fit = max(1, fit - 1)
    columns = [("running", NARROW), (state.objective.unit, NARROW), (_metric(state), NARROW)]

    def row(trial: Trial) -> Row:
        epochs = f"{trial.epoch}/{state.extent.reports}"
        value = trial.metrics.get(state.objective.metric, "")
        return [trial.trial_id, epochs, value, _config(trial)]

    if trials:
        yield from [_line("")][: int(apart)]
        yield _table([*columns, ("config", WIDE)], [row(trial) for trial in trials[:fit]])
    if len(trials) > fit:
        yield _line(f"and {len(trials) - fit} more", style="dim")


def _ended(
    trials: Sequence[Trial], state: RunState, room: int, apart: bool, with_config: bool
) -> Iterator[Part]:
    """Those that ended last, as many as fit."""
    fit = room - 1 - apart
    columns = [("ended", NARROW), (state.objective.unit, NARROW), (_metric(state), NARROW)]
    columns += [("how", NARROW), ("why", REASON if with_config else WIDE)]
    columns += [("config", WIDE)][: int(with_config)]

    def row(trial: Trial) -> Row:
        value = state.objective.value(trial.best_loss) if trial.best_epoch else ""
        why = Text(texts.outcome(trial, state))
        told = [trial.trial_id, trial.epoch, value, trial.status.value, why]
        return [*told, *[_config(trial)][: int(with_config)]]

    if trials and fit > 0:
        yield from [_line("")][: int(apart)]
        yield _table(columns, [row(trial) for trial in trials[:fit]])


def _metric(state: RunState) -> str:
    return texts.printable(state.objective.metric, texts.VALUE_LENGTH)


def _config(trial: Trial) -> Text:
    return Text(texts.values(trial.config))


def _table(columns: Sequence[tuple[str, Mapping[str, Any]]], rows: Sequence[Row]) -> Part:
    shown = table(expand=any(options is WIDE for _, options in columns))
    for title, options in columns:
        shown.add_column(Text(title), no_wrap=True, overflow="ellipsis", **options)
    for row in rows:
        shown.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    return Part(shown, len(rows) + 1)


def _line(text: str, style: str = "") -> Part:
    return Part(Text(text, style, no_wrap=True, overflow="ellipsis"), 1)
