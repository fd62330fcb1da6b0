"""A check trains what a worker trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drivers import facts

from tune_jobs.experiment.facts import Reported
from tune_jobs.job.files import load_job
from tune_jobs.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("ray_session")

JOB = """
import numpy as np
import tiny_model
from tune_jobs import Float, TuneJob

class Lucky(tiny_model.Tiny):
    def __init__(self, config):
        super().__init__(config)
        self.weight = np.random.random()

    def evaluate(self):
        return {**super().evaluate(), "weight": self.weight, "drawn": np.random.random()}

job = TuneJob(
    name="mine", model=Lucky, space={"x": Float(0, 1), "seed": 7}, metric="loss", mode="min",
    num_samples=1, max_epochs=1,
)
"""


def test_a_check_and_a_trial_train_the_same_model(tune_jobs: Any, file: Path) -> None:
    file.write_text(JOB)
    code, said, _ = tune_jobs("check", file)
    assert code == 0
    assert tune_jobs("run", file, "--name", "run")[0] == 0
    (report,) = facts(RunFolder(file.parent / "storage" / "run"), Reported)
    for metric in ("weight", "drawn"):
        assert f"{metric} {report.metrics[metric]:.4g}" in said
    assert tune_jobs("check", file, "--set", "seed=8")[1] != said
    assert load_job(str(file))[0].seed == 0
