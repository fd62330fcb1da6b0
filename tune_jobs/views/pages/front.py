"""Figures of a run with several metrics: its Pareto front, and how it grew."""

from __future__ import annotations

import optuna
from optuna.study import StudyDirection
from optuna.visualization import plot_hypervolume_history, plot_pareto_front
from plotly.graph_objects import Figure

from tune_jobs.errors import counted
from tune_jobs.views.pages import study as studies
from tune_jobs.views.pages.page import Page
from tune_jobs.views.pages.record import Record
from tune_jobs.views.pages.trials import add_trials

AT_MOST = 1000  # trials beside the front; more are no longer told apart
IN_A_TABLE = 50  # trials of the front
MARGIN = 0.1  # of the range of a metric, from its worst value to the reference point


def add_front(page: Page, record: Record) -> None:
    """A section of a page, for a run that has a front."""
    state = record.state
    page.section(
        "Pareto front",
        f"The {counted(len(state.front), 'trial')} to which no other is equal or better in all of "
        f"{state.objective.words}. The best by {state.objective.metric} is the one above.",
    )
    for draw in (pareto_front, hypervolume):
        try:
            page.figures(draw(record))
        except ValueError as error:  # Optuna's: it draws two or three metrics
            page.text(f"No {draw.__name__.replace('_', ' ')}: {error}", "plain")
    add_trials(page, record, (state.trials[best.trial_id] for best in state.front[:IN_A_TABLE]))
    if more := len(state.front[IN_A_TABLE:]):
        page.text(f"and {counted(more, 'more trial')}")


def pareto_front(record: Record) -> Figure:
    """Every trial by its metrics; those of the front are red, the others the darker the later.

    Raises ValueError unless there are two or three metrics.
    """
    figure = plot_pareto_front(_thinned(record), target_names=list(record.state.objective.metrics))
    figure.update_layout(title=None, height=480)
    return figure


def hypervolume(record: Record) -> Figure:
    """What the front dominates, up to a point a bit beyond the worst value of each metric.

    Raises ValueError if no trial has all metrics.
    """
    studies.quiet()
    found = studies.study(record)
    figure = plot_hypervolume_history(found, _reference(found))
    figure.update_layout(title=None, height=340)
    return figure


def _thinned(record: Record) -> optuna.Study:
    """The front, and a regular choice of the others."""
    studies.quiet()
    found = studies.study(record)
    front = {best.trial_id for best in record.state.front}
    others = [
        trial.trial_id for trial in record.state.trials.values() if trial.trial_id not in front
    ]
    kept = front.union(others[:: max(1, -(-len(others) // AT_MOST))])
    thin = optuna.create_study(directions=found.directions)
    for trial in found.get_trials(deepcopy=False):
        if trial.number in kept:
            thin._storage.create_new_trial(thin._study_id, template_trial=trial)
    return thin


def _reference(study: optuna.Study) -> list[float]:
    """Raises ValueError if no trial has a value of each metric."""
    points = [trial.values for trial in study.get_trials(deepcopy=False) if trial.values]
    if not points:
        raise ValueError("no trial has reported all metrics")
    ends = []
    for direction, *values in zip(study.directions, *points, strict=True):
        margin = MARGIN * (max(values) - min(values))
        falls = direction is StudyDirection.MINIMIZE
        ends.append(max(values) + margin if falls else min(values) - margin)
    return ends
