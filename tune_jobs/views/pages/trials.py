"""Trials of a run as a table of a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Trial
from tune_jobs.views import texts
from tune_jobs.views.pages.page import Page
from tune_jobs.views.pages.record import Record


def add_trials(page: Page, record: Record, trials: Iterable[Trial]) -> None:
    """Each trial with the report that counts of it."""
    objective, names = record.state.objective, record.parameters
    page.table(
        ["trial", *objective.metrics, objective.unit, *names, "how it ended"],
        [_row(trial, record.state, names) for trial in trials],
    )


def _row(trial: Trial, state: RunState, names: Iterable[str]) -> list[Any]:
    values = state.objective.values(trial.best_loss).values()
    config = [trial.best_config.get(name) for name in names]
    ended = f"{texts.trial_status(trial.status, state)}: {texts.outcome(trial, state)}".rstrip(": ")
    return [trial.trial_id, *values, trial.best_epoch, *config, ended]
