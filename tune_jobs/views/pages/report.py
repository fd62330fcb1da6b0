"""report.html: what a lab notebook keeps of a run."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plotly.graph_objects import Figure

from tune_jobs.errors import UserError, counted, kind_of
from tune_jobs.experiment.facts import Failed, RunResumed
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.runs.folder import RunFolder
from tune_jobs.views import texts
from tune_jobs.views.pages import figures
from tune_jobs.views.pages.page import Page
from tune_jobs.views.pages.record import Record, rungs
from tune_jobs.views.pages.trials import add_trials

if TYPE_CHECKING:
    from tune_jobs.views.pages.hyperparameters import Compared

TOP = 10  # trials in the table, and in their spread
ERRORS = 20  # different ones that are shown
WARNINGS = 50


def write_report(folder: RunFolder) -> Path:
    """Writes the report of a run into its folder, and returns its path. Raises UserError for a
    folder that is not one of a run, OSError if nothing can be written."""
    record = Record.read(folder)
    page_of(record, folder).write(folder.report)
    return folder.report


def page_of(record: Record, folder: RunFolder) -> Page:
    state, declared = record.state, record.declared
    method = f"{record.content.get('searcher', '?')} × {record.content.get('scheduler', '?')}"
    words = [texts.run_status(state), declared.name, method, texts.counts(state)]
    words += [texts.clock(state.seconds), str(record.content.get("started", ""))]
    page = Page(record.name, ", ".join(words))
    for problem in record.missing:
        page.text(f"Not complete: {problem}", "warn")
    _best(page, record)
    if record.state.objective.is_several and record.state.front:
        from tune_jobs.views.pages.front import add_front  # takes a second to import

        add_front(page, record)
    _course(page, record)
    _hyperparameters(page, record)
    _rungs(page, record)
    _resources(page, record)
    _troubles(page, record)
    _environment(page, record, folder)
    return page


def _best(page: Page, record: Record) -> None:
    state, objective = record.state, record.state.objective
    best = state.incumbent
    page.section("Best configuration")
    if best is None:
        page.text(f"No trial has reported {objective.words}.", "plain")
        return
    shown: dict[str, Any] = {
        f"{metric} on validation data ({objective.mode_of(metric)})": value
        for metric, value in objective.values(best.loss).items()
    }
    if state.spread is not None:
        shown["standard deviation over folds"] = state.spread
    if state.tested and not state.tested.error:
        for name, measured in (state.tested.metrics or {}).items():
            shown[f"{texts.test_name(name)}, sealed test data"] = measured
    page.numbers({**shown, "trial": best.trial_id, objective.unit: best.epoch})
    config = {**record.declared.constants, **best.config, **best.derived}
    page.table(["hyperparameter", "value"], config.items())
    for line in _certainty(state, objective.value(best.loss)):
        page.text(line)
    add_trials(page, record, _top(state))


def _certainty(state: RunState, value: float) -> list[str]:
    """How far the value of the best one can be trusted."""
    objective, top = state.objective, _top(state)
    told = [
        f"The value is the best of {counted(len(state.trials), 'trial')} on the data that chose "
        "it, so it flatters; the test data chose nothing."
    ]
    if not state.tested:
        told = [f"{told[0].partition(';')[0]}. There is no test score yet."]
    elif state.tested.error:
        told.append(f"The test failed: {texts.last_line(state.tested.error)}")
    if len(top) > 2:
        values = [objective.value(trial.best_loss) for trial in top]
        spread = statistics.stdev(values)
        told.append(
            f"The top {len(top)} trials by {objective.metric}: mean "
            f"{texts.number(statistics.fmean(values))}, standard deviation "
            f"{texts.number(spread)}. The second best is {texts.number(abs(values[1] - value))} "
            "behind: "
            + ("less than that spread, so the two may change places with another seed."
               if abs(values[1] - value) < spread else "more than that spread.")
        )  # fmt: skip
    return told


def _top(state: RunState) -> list[Trial]:
    rank = state.objective.rank
    judged = [trial for trial in state.trials.values() if trial.best_epoch]
    return sorted(judged, key=lambda t: (rank(t.best_epoch, t.best_loss), t.trial_id))[:TOP]


def _course(page: Page, record: Record) -> None:
    if not record.curves:
        return
    unit = record.state.objective.unit
    page.section("The search")
    page.figures(
        figures.incumbent_over_epochs(record),
        figures.incumbent_over_time(record),
    )
    drawn, all_ = len(figures.drawn_trials(record)), len(record.curves)
    some = f" {drawn} of {all_} are drawn: the best, and a regular choice." if drawn < all_ else ""
    page.section("Learning curves", f"A cross marks where a trial was stopped.{some}")
    for one in record.state.objective.each:
        page.figures(figures.learning_curves(record, one).update_layout(height=440))
    trained, full = record.state.epochs_total, _full(record.state)
    share = f", {1 - trained / full:.0%} less" if full > trained else ""
    said = f"{trained} {unit}s were trained; all trials in full are {full}{share}."
    page.section(f"{unit.capitalize()}s saved", said)
    page.figures(figures.epochs_saved(record))


def _full(state: RunState) -> int:
    return len(state.trials) * state.extent.reports


def _hyperparameters(page: Page, record: Record) -> None:
    # They take a second to import, most of it for sklearn's forests.
    from tune_jobs.views.pages.hyperparameters import Compared

    for one in record.state.objective.each:
        of = f": {one.metric}" if record.state.objective.is_several else ""
        page.section(f"Hyperparameters{of}")
        try:
            _draw(page, Compared(record, one))
        except UserError as error:
            page.text(str(error), "plain")


def _draw(page: Page, compared: Compared) -> None:
    unit, parameters = compared.objective.unit, len(compared.record.parameters)
    page.text(
        f"The {counted(len(compared.trials), 'trial')} that reached {unit} {compared.epoch}, with "
        "their values there, so all had the same training. Importance is by fANOVA. A star marks a "
        "hyperparameter that only some trials have; it is measured among those."
    )
    drawn: list[tuple[Callable[[], Figure], int]] = [
        (compared.importance, 0),
        (compared.parallel_coordinates, 130 * parameters),
        (compared.slice, 170 * parameters),
        (compared.contour, 0),
    ]
    for draw, least in drawn:
        try:
            page.figures(draw(), least=least)
        except (UserError, ValueError, RuntimeError) as error:  # Optuna's, for odd trials
            page.text(f"No {draw.__name__.replace('_', ' ')}: {error}", "plain")


def _rungs(page: Page, record: Record) -> None:
    epochs, objective = rungs(record), record.state.objective
    if not epochs:
        return
    said = f"The {objective.unit}s at which the scheduler compared trials."
    page.section("Rungs", said)
    rows = []
    for epoch in epochs[:TOP * 2]:  # fmt: skip
        points = [p for points in record.curves.values() for p in points if p.epoch == epoch]
        values = [p.metrics[objective.metric] for p in points if objective.metric in p.metrics]
        stopped = sum(point.decision == "stop" for point in points)
        best = min(values) if objective.mode == "min" else max(values)
        rows.append([epoch, len(points), stopped, len(points) - stopped, best,
                     statistics.median(values)])  # fmt: skip
    metric = objective.metric
    titles = [objective.unit, "reached", "stopped there", "went on", f"best {metric}", "median"]
    page.table(titles, rows)
    if len(epochs) > len(rows):
        page.text(f"{len(epochs) - len(rows)} more are not shown.")


def _resources(page: Page, record: Record) -> None:
    trials = list(record.state.trials.values())
    nodes: dict[str, list[Trial]] = {}
    for trial in trials:
        nodes.setdefault(trial.node or "none", []).append(trial)
    unit = record.state.objective.unit
    page.section("Resources", "A trial counts for the node that trained it last.")
    page.numbers(_cost(record.state))
    page.table(
        ["node", "trials", f"{unit}s", "seconds of training", "median of a trial", "longest trial"],
        [
            [
                node,
                len(there),
                sum(trial.epoch for trial in there),
                sum(trial.seconds for trial in there),
                statistics.median(trial.seconds for trial in there),
                max(trial.seconds for trial in there),
            ]
            for node, there in sorted(nodes.items())
        ],
    )
    hardware = record.content.get("hardware") or {}
    cluster = {
        name: amount
        for name, amount in (record.content.get("cluster") or {}).items()
        if name in ("CPU", "GPU")
    }
    page.text(texts.values({**hardware, **cluster}))


def _cost(state: RunState) -> dict[str, Any]:
    """What is known of it."""
    spent = state.cost
    found = {
        "seconds of training": round(spent.seconds),
        "seconds of CPU": round(spent.cpu_seconds),
        "seconds of GPU": round(spent.gpu_seconds),
        "MB of memory, the largest trial": round(spent.memory_bytes / 1e6),
        f"{state.objective.unit}s trained again": spent.trained_again,
    }
    return {name: amount for name, amount in found.items() if amount}


def _troubles(page: Page, record: Record) -> None:
    state = record.state
    page.section("Failures and warnings")
    failures = [fact for fact in record.facts if isinstance(fact, Failed)]
    kinds: dict[str, list[Failed]] = {}
    for fact in failures:
        kinds.setdefault(kind_of(fact.error), []).append(fact)
    failed = state.counts[Status.FAILED]
    moved = sum(len(trial.moves) for trial in state.trials.values())
    page.text(
        f"{counted(len(failures), 'failure')}, {counted(failed, 'trial')} lost by them; "
        f"{counted(moved, 'move')} to another worker; {counted(len(state.warnings), 'warning')}.",
        "plain",
    )
    for same in list(kinds.values())[:ERRORS]:
        numbers = sorted({fact.trial_id for fact in same})
        which = ", ".join(map(str, numbers[:TOP])) + (" ..." if len(numbers) > TOP else "")
        page.folded(
            f"{counted(len(same), 'time')}, trial {which}: {texts.last_line(same[0].error)}",
            texts.block(same[0].error),
        )
    for warning in state.warnings[:WARNINGS]:
        page.text(f"warning: {texts.printable(warning)}", "plain")
    if more := len(state.warnings[WARNINGS:]):
        page.text(f"and {counted(more, 'more warning')}")
    if state.closed and state.closed.reason:
        page.text(f"The run ended: {texts.printable(state.closed.reason)}", "plain")


def _environment(page: Page, record: Record, folder: RunFolder) -> None:
    content = record.content
    commit = content.get("git_commit") or "none: not under git"
    changed = " with changes that are not in it" if content.get("git_changes") else ""
    resumes = sum(isinstance(fact, RunResumed) for fact in record.facts)
    page.section("To repeat it")
    if command := content.get("command"):
        page.code(shlex.join(_short(list(map(str, command)))))
    page.table(
        ["", ""],
        [
            ["seed", record.declared.seed],
            ["git commit", f"{commit}{changed}"],
            ["job file", content.get("file") or "none"],
            ["folder", folder.where],
            ["resumed", counted(resumes, "time")],
            *([name, found] for name, found in (content.get("versions") or {}).items()),
        ],
    )


def _short(command: list[str]) -> list[str]:
    program = Path(command[0])
    return [program.name if program.parent.name == "bin" else command[0], *command[1:]]
