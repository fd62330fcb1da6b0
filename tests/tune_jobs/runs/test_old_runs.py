"""A run of version 0.1.0, killed in its last trial, when our modules were `models` and
`search_algos`: it opens and goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

OLD_RUNS = Path(__file__).parents[2] / "old_runs"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "counting"
    shutil.copytree(OLD_RUNS / "counting", path)
    assert json.loads((path / "job.json").read_text())["model"] == "models.command:Command"
    return path


def test_it_is_shown(run: Path, tune_jobs: Any) -> None:
    code, out, _ = tune_jobs("status", run)
    assert code == 0
    assert "value 42 (trial 5, epoch 3)" in out
    assert "5/6" in out


def test_it_goes_on(run: Path, tune_jobs: Any, ray_session: None) -> None:
    code, out, _ = tune_jobs("resume", run, "--samples", "+2")
    assert code == 0
    assert "5 of 8 trials ended, 14 epochs so far" in out
    summary = json.loads((run / "summary.json").read_text())
    assert summary["trials"]["total"] == 8
    assert summary["trials"]["failed"] == 0
    assert summary["best"]["value"] >= 43, "of trial 5, which had an epoch to go"
    assert summary["best"]["test"]
