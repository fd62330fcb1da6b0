"""Runs side by side: their results after the same epochs and the same time, and their plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tune_jobs.errors import UserError
from tune_jobs.job.code import plain_name
from tune_jobs.views import texts
from tune_jobs.views.pages import figures
from tune_jobs.views.pages.page import Page
from tune_jobs.views.pages.record import Record


def compared(records: Sequence[Record]) -> tuple[list[str], list[list[Any]]]:
    """The titles and rows of a table, one row per run. Equal epochs and equal time are those of
    the run that has the fewest and the least.

    Raises UserError for fewer than two runs, and for runs with different metrics.
    """
    _check(records)
    objective = records[0].state.objective
    epochs = min(record.state.epochs_total for record in records)
    seconds = min(record.state.seconds for record in records)
    metric = objective.metric
    titles = [
        *("run", "model", "searcher × scheduler", "trials", f"{objective.unit}s", "time"),
        f"best {metric}",
        f"after {epochs} {objective.unit}s",
        f"after {texts.clock(seconds)}",
        "test",
    ]
    rows: list[list[Any]] = [
        [
            record.name,
            plain_name(record.content.get("model", "?")),
            f"{record.content.get('searcher', '?')} × {record.content.get('scheduler', '?')}",
            len(record.state.trials),
            record.state.epochs_total,
            texts.clock(record.state.seconds),
            record.steps[-1].value if record.steps else None,
            _at(record, 0, epochs),
            _at(record, 1, seconds),
            texts.tested(record.state.tested) if record.state.tested else None,
        ]
        for record in records
    ]
    return titles, rows


def page_of(records: Sequence[Record]) -> Page:
    # It takes seconds to import, most of it for sklearn's forests.
    from tune_jobs.views.pages.hyperparameters import Compared

    page = Page("Comparison", ", ".join(record.name for record in records))
    for record in records:
        for problem in record.missing:
            page.text(f"Not complete: {record.name}: {problem}", "warn")
    page.section("Results", "Equal epochs and equal time are those of the shortest run.")
    page.table(*compared(records))
    page.section("Best configurations")
    configs = {
        record.name: {**record.declared.constants, **best.config}
        for record in records
        if (best := record.state.incumbent)
    }
    names = list(dict.fromkeys(name for config in configs.values() for name in config))
    page.table(
        ["hyperparameter", *configs],
        [[name, *(config.get(name) for config in configs.values())] for name in names],
    )
    page.section("The search")
    page.figures(figures.incumbent_over_epochs(*records), figures.incumbent_over_time(*records))
    page.figures(figures.epochs_saved(*records))
    page.section("Learning curves")
    page.figures(
        *(
            figures.learning_curves(record).update_layout(title=record.name, margin={"t": 70})
            for record in records
        )
    )
    page.section("Importance of the hyperparameters")
    drawn = []
    for record in records:
        try:
            drawn.append(Compared(record).importance().update_layout(title=record.name))
        except (UserError, ValueError, RuntimeError) as error:  # Optuna's, for odd trials
            page.text(str(error), "plain")
    page.figures(*(figure.update_layout(margin={"t": 50}) for figure in drawn))
    return page


def _at(record: Record, axis: int, limit: float) -> float | None:
    """The best value within so many epochs, or seconds."""
    within = [step.value for step in record.steps if step[axis] <= limit]
    return within[-1] if within else None


def _check(records: Sequence[Record]) -> None:
    if len(records) < 2:
        raise UserError(f"compare needs two runs or more, got {len(records)}")
    first = records[0].declared
    for record in records:
        if (record.declared.metric, record.declared.mode) != (first.metric, first.mode):
            raise UserError(
                f"run {record.name!r} has metric {record.declared.metric!r} "
                f"({record.declared.mode}), run {records[0].name!r} {first.metric!r} "
                f"({first.mode}); only runs with the same metric and mode can be compared"
            )
