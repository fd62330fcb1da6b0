"""The JSON that the command line prints about runs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from tune_jobs.cli.screens import read_run
from tune_jobs.errors import UserError
from tune_jobs.experiment.state import RunState
from tune_jobs.job.declaration import Declaration
from tune_jobs.runs.folder import RunFolder
from tune_jobs.views.result import summary, trial_row


def runs_as_json(folders: Iterable[RunFolder]) -> str:
    """A list of runs without their trials."""
    return _text([_described(folder) for folder in folders])


def run_as_json(folder: RunFolder) -> str:
    """A run: its summary, who drives it, its warnings, and ``rows`` as in trials.csv."""
    declared, state = read_run(folder)
    rows = [trial_row(trial, state) for trial in state.trials.values()]
    found = _summary(folder, declared, state)
    return _text({**found, "warnings": state.warnings, "rows": rows})


def _described(folder: RunFolder) -> dict[str, Any]:
    try:
        return _summary(folder, *read_run(folder))
    except UserError as error:
        return {"run": folder.name, "status": "unreadable", "problem": str(error)}


def _summary(folder: RunFolder, declared: Declaration, state: RunState) -> dict[str, Any]:
    return {**summary(folder, declared, state), "driver": state.driver or None}


def _text(content: Any) -> str:
    return json.dumps(_finite(content), indent=2, default=str)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity; they become null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list():
            return [_finite(inner) for inner in value]
    return value
