"""The ensemble of a ready-made job, beside its best model alone.

Slow: the networks train.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trained import trained_run

from tune_jobs.job.files import load_job
from tune_jobs.job.overrides import override


def test_digits_cnn(tmp_path: Path, tune_jobs: Any) -> None:
    job = override(load_job("digits_cnn")[0], {"num_samples": 4, "max_epochs": 4})
    run = trained_run(tmp_path / "run", job)
    code, out, _ = tune_jobs("ensemble", run.where, "--size", 5)
    assert code == 0
    together, alone = (shown(out, name) for name in ("ensemble", "alone"))
    assert run.best is not None
    assert run.best.test is not None
    assert alone == [f"{value:.4g}" for value in (run.best.value, *run.best.test.values())]
    assert float(together[0]) <= float(alone[0]), out


def shown(out: str, name: str) -> list[str]:
    """The validation loss, and the test scores, of a line."""
    (line,) = (line for line in out.splitlines() if line.startswith(name))
    values = re.fullmatch(
        rf"{name} +val_loss (\S+); test_loss (\S+), test_accuracy (\S+)( \(.*\))?", line
    )
    assert values is not None, line
    return list(values.groups()[:3])
