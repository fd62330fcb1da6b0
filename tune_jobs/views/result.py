"""The result of a run for people and programs: summary.json, trials.csv and report.html."""

from __future__ import annotations

import csv
from typing import Any

from tune_jobs.errors import shortened
from tune_jobs.experiment.facts import TEXT_LENGTH, Fact
from tune_jobs.experiment.state import Incumbent, RunState
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.job.declaration import Declaration
from tune_jobs.runs.checkpoints import folder_of
from tune_jobs.runs.folder import RunFolder, write_json
from tune_jobs.views import texts

OF_ONE_EXECUTION = (
    *("seconds", "cpu_seconds", "gpu_seconds", "peak_memory_bytes", "epochs_again"),
    "node",
)
"""The columns of trials.csv that differ when the same run is done again."""


class Results:
    """A view that writes summary.json and trials.csv at the end."""

    def __init__(self, folder: RunFolder, declared: Declaration) -> None:
        self._folder, self._declared = folder, declared
        self._state: RunState | None = None

    def on_fact(self, fact: Fact, state: RunState) -> None:
        self._state = state

    def close(self) -> None:
        if self._state:
            write_results(self._folder, self._declared, self._state)


class ReportPage:
    """A view that writes report.html at the end of a run; after Ctrl-C, people want it to end."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._has_ended = False

    def on_fact(self, fact: Fact, state: RunState) -> None:
        self._has_ended = state.closed is not None and state.closed.status != "interrupted"

    def close(self) -> None:
        if not self._has_ended:
            return
        from tune_jobs.views.pages.report import write_report  # takes seconds to import

        write_report(self._folder)


def write_results(folder: RunFolder, declared: Declaration, state: RunState) -> None:
    write_json(folder.path / "summary.json", summary(folder, declared, state))
    rows = [trial_row(trial, state) for trial in state.trials.values()]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    unfinished = folder.path / ".trials.csv"
    with unfinished.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    unfinished.replace(folder.path / "trials.csv")


def summary(folder: RunFolder, declared: Declaration, state: RunState) -> dict[str, Any]:
    """The run in one object; ``epochs_saved`` is the share of full training not needed."""
    epochs_full = len(state.trials) * state.extent.reports
    best, front = state.incumbent, [_entry(one, declared, state) for one in state.front]
    return {
        "job": declared.name,
        "run": folder.name,
        "status": texts.run_status(state),
        "metric": declared.metric,
        "mode": declared.mode,
        "seed": declared.seed,
        "wall_s": round(state.seconds, 1),
        "epochs_total": state.epochs_total,
        "epochs_full": epochs_full,
        "epochs_saved": round(1 - state.epochs_total / epochs_full, 4) if epochs_full else 0.0,
        "trials": {
            "total": len(state.trials),
            **{s.value: state.counts[s] for s in Status if s.is_final},
        },
        "best": best and {**_entry(best, declared, state), **_measured(state)},
        **({"front": front} if state.objective.is_several else {}),
        "cost": {
            "training_s": round(state.cost.seconds, 1),
            "cpu_s": round(state.cost.cpu_seconds, 1),
            "gpu_s": round(state.cost.gpu_seconds, 1),
            "peak_memory_bytes": state.cost.memory_bytes,  # of the largest trial
            "epochs_again": state.cost.trained_again,
            "failures": state.failures,
            "moves": sum(len(trial.moves) for trial in state.trials.values()),
            "warnings": len(state.warnings),
        },
    }


def trial_row(trial: Trial, state: RunState) -> dict[str, Any]:
    best = state.objective.values(trial.best_loss)
    return {
        "trial_id": trial.trial_id,
        "status": texts.trial_status(trial.status, state),
        "epochs": trial.epoch,
        **{f"best_{metric}": best[metric] if trial.best_epoch else "" for metric in best},
        "best_epoch": trial.best_epoch or "",
        **{f"last_{metric}": trial.metrics.get(metric, "") for metric in best},
        **{f"last_{name}": value for name, value in trial.metrics.items()},
        "seconds": round(trial.seconds, 3),
        "cpu_seconds": round(trial.cost.cpu_seconds, 3),
        "gpu_seconds": round(trial.cost.gpu_seconds, 3),
        "peak_memory_bytes": trial.cost.memory_bytes or "",
        "epochs_again": trial.cost.trained_again,
        "node": trial.node,
        "failures": trial.failures,
        "moves": len(trial.moves),
        "reason": "" if trial.status is Status.FAILED else texts.outcome(trial, state),
        "error": trial.note if trial.status is Status.FAILED else "",
        **{f"config/{name}": v for name, v in {**trial.config, **trial.derived}.items()},
    }


def _cell(value: Any) -> Any:
    """A value that every reader of CSV accepts."""
    return shortened(value, TEXT_LENGTH).replace("\0", "\\0") if isinstance(value, str) else value


def _entry(best: Incumbent, declared: Declaration, state: RunState) -> dict[str, Any]:
    objective = state.objective
    return {
        "trial_id": best.trial_id,
        "config": {**declared.constants, **best.config, **best.derived},
        "epoch": best.epoch,
        "value": objective.value(best.loss),
        **({"values": objective.values(best.loss)} if objective.is_several else {}),
        "checkpoint": f"checkpoints/{folder_of(best.checkpoint)}",
    }


def _measured(state: RunState) -> dict[str, Any]:
    """What else is known of the best trial alone."""
    return {
        **({} if state.spread is None else {"spread": state.spread}),
        "test": state.tested.metrics if state.tested and not state.tested.error else None,
    }
