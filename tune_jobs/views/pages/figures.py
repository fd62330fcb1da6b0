"""Figures of the course of a run: what was best when, the curves of the trials, what was saved.

Every figure takes several runs, which then stand side by side; `hyperparameters` has the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from plotly.graph_objects import Bar, Figure, Scatter

from tune_jobs.experiment.objective import Objective
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.views import texts
from tune_jobs.views.pages.record import Point, Record

COLORS = ("#4c8bf5", "#e8710a", "#12a374", "#b05cc5", "#c9a400", "#d9486e", "#3aa6b9", "#8a8f98")
STATUS_COLORS = {
    Status.COMPLETED: "#4c8bf5",
    Status.STOPPED: "#9aa1ab",
    Status.FAILED: "#d9486e",
    Status.RUNNING: "#12a374",
    Status.PAUSED: "#c9a400",
}
BEST_COLOR = "#e8710a"
CURVES = 400  # drawn at most: more are no longer told apart, and make a page heavy


def incumbent_over_epochs(*records: Record) -> Figure:
    """The best value so far, by the epochs that all trials together had trained."""
    return _steps(records, f"{_objective(records).unit}s of all trials", 0)


def incumbent_over_time(*records: Record) -> Figure:
    """The best value so far, by the time of the run, without the time between its drivers."""
    return _steps(records, "seconds", 1)


def learning_curves(record: Record, objective: Objective | None = None) -> Figure:
    """The metric of every trial over its epochs, and how each trial ended. Of many trials the best
    ones and a regular choice of the others are drawn."""
    objective = objective or record.state.objective
    figure = Figure()
    best = record.state.incumbent
    chosen = drawn_trials(record)
    for status in Status:
        trials = [trial for trial in chosen if trial.status is status]
        if trials:
            name = texts.trial_status(status, record.state)
            for drawn in (_curves, _ends):
                trace = drawn(record, objective, trials, status)
                figure.add_trace(trace.update(name=name, legendgroup=name))
    if best and (points := record.curves.get(best.trial_id)):
        x, y = _line(points, objective)
        figure.add_trace(
            Scatter(
                x=x,
                y=y,
                name=f"best: trial {best.trial_id}",
                mode="lines+markers",
                line={"color": BEST_COLOR, "width": 3},
                marker={"size": 5},
            )
        )
    _axes(figure, objective.unit, objective.metric)
    values = [v for points in record.curves.values() for v in _line(points, objective)[1]]
    if _is_wide(values):
        figure.update_yaxes(type="log")
    return figure


def drawn_trials(record: Record) -> list[Trial]:
    """The trials whose curves are drawn: the best ones, and a regular choice of the others."""
    rank = record.state.objective.rank
    trials = [t for i, t in sorted(record.state.trials.items()) if i in record.curves]
    if len(trials) <= CURVES:
        return trials
    by_rank = sorted(trials, key=lambda t: (not t.best_epoch, rank(t.best_epoch, t.best_loss)))
    best, others = by_rank[: CURVES // 4], by_rank[CURVES // 4 :]
    step = math.ceil(len(others) / (CURVES - len(best)))
    return sorted([*best, *others[::step]], key=lambda trial: trial.trial_id)


def epochs_saved(*records: Record) -> Figure:
    """The epochs that were trained, beside those of all trials trained in full."""
    names = [record.name for record in records]
    trained = [record.state.epochs_total for record in records]
    full = [len(record.state.trials) * record.state.extent.reports for record in records]
    left = [max(0, whole - part) for whole, part in zip(full, trained, strict=True)]
    figure = Figure()
    for title, values, color in (("trained", trained, COLORS[0]), ("saved", left, "#c8ccd2")):
        figure.add_trace(
            Bar(y=names, x=values, name=title, orientation="h", marker={"color": color})
        )
    figure.update_layout(barmode="stack", xaxis_title=f"{_objective(records).unit}s")
    figure.update_layout(height=120 + 40 * len(names), yaxis={"type": "category"})
    return figure


def _steps(records: Sequence[Record], title: str, axis: int) -> Figure:
    figure = Figure()
    for number, record in enumerate(records):
        steps = record.steps
        end = (record.state.epochs_total, record.state.seconds)[axis]
        figure.add_trace(
            Scatter(
                x=[*(step[axis] for step in steps), *([end] if steps else [])],
                y=[*(step.value for step in steps), *(step.value for step in steps[-1:])],
                text=[f"trial {s.trial_id}, epoch {s.epoch}" for s in [*steps, *steps[-1:]]],
                name=record.name,
                mode="lines+markers",
                line={"shape": "hv", "color": COLORS[number % len(COLORS)]},
                marker={"size": 5},
            )
        )
    _axes(figure, title, f"best {_objective(records).metric}")
    if _is_wide([step.value for record in records for step in record.steps]):
        figure.update_yaxes(type="log")
    figure.update_layout(showlegend=len(records) > 1)
    return figure


def _curves(
    record: Record, objective: Objective, trials: Iterable[Trial], status: Status
) -> Scatter:
    """All curves in one line with gaps, which a browser draws much faster than many lines."""
    x: list[float] = []
    y: list[float] = []
    numbers: list[str] = []
    for trial in trials:
        epochs, values = _line(record.curves[trial.trial_id], objective)
        x += [*epochs, math.nan]
        y += [*values, math.nan]
        numbers += [f"trial {trial.trial_id}"] * (len(epochs) + 1)
    return Scatter(
        x=np.array(x, "float32"),
        y=np.array(y, "float32"),
        text=numbers,
        mode="lines",
        opacity=0.55,
        line={"color": STATUS_COLORS[status], "width": 1.2},
        hovertemplate="%{text}<br>%{x}: %{y:.5g}<extra></extra>",
    )


def _ends(record: Record, objective: Objective, trials: Sequence[Trial], status: Status) -> Scatter:
    last = [record.curves[trial.trial_id][-1] for trial in trials]
    said = [
        f"trial {trial.trial_id} {texts.trial_status(status, record.state)}<br>"
        f"{texts.outcome(trial, record.state)[:120]}"
        for trial in trials
    ]
    symbols = {Status.STOPPED: "x-thin", Status.FAILED: "x"}
    color = STATUS_COLORS[status]
    return Scatter(
        x=[point.epoch for point in last],
        y=[point.metrics.get(objective.metric, math.nan) for point in last],
        text=[text.replace("<", "&lt;").replace("&lt;br>", "<br>") for text in said],
        mode="markers",
        showlegend=False,
        marker={
            "symbol": symbols.get(status, "circle"),
            "size": 6,
            "color": color,
            "line": {"width": 1.5, "color": color},
        },
        hovertemplate="%{text}<br>%{x}: %{y:.5g}<extra></extra>",
    )


def _line(points: Iterable[Point], objective: Objective) -> tuple[list[float], list[float]]:
    found = [
        (p.epoch, p.metrics[objective.metric]) for p in points if objective.metric in p.metrics
    ]
    return [epoch for epoch, _ in found], [value for _, value in found]


def _objective(records: Sequence[Record]) -> Objective:
    return records[0].state.objective


def _axes(figure: Figure, x: str, y: str) -> None:
    figure.update_layout(xaxis_title=x, yaxis_title=y)


def _is_wide(values: Iterable[float]) -> bool:
    """Whether a logarithmic axis shows more."""
    finite: Any = [value for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and max(finite) > 50 * min(finite)
