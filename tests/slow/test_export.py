"""A model that is taken along, and used in a process that knows nothing of its run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exported import check_recorded, onnx_predictions, predictions
from runs import falling, run_in_folder, tiny_job
from trained import trained_run

from tune_jobs import Choice, Float, Run, TuneJob, UserError
from tune_jobs.job.files import load_job
from tune_jobs.job.overrides import override
from tune_jobs.models import data


def test_an_exported_network_measures_what_was_recorded_and_predicts(tmp_path: Path) -> None:
    job = override(load_job("digits_cnn")[0], {"num_samples": 1, "max_epochs": 3})
    run, folder = trained_run(tmp_path / "run", job), tmp_path / "out" / "digits"
    run.export(folder, onnx=True)
    check_recorded(folder)
    names = {"README.md", "config.json", "metrics.json", "model.onnx", "predict.py"}
    assert {path.name for path in folder.iterdir()} == names | {"state.json", "weights.safetensors"}
    x, _ = data.load("digits", "test")
    predicted = predictions(folder, x)
    assert predicted.shape == (len(x), 10)
    assert predicted == pytest.approx(onnx_predictions(folder, np.array(x)), abs=1e-4)


@pytest.mark.parametrize("model", ["linear"])
def test_an_exported_model_of_scikit_learn_needs_only_skops(tmp_path: Path, model: str) -> None:
    job = TuneJob(
        name="rows",
        model=model,
        space={"dataset": "digits", "seed": Choice([1])},
        metric="val_loss",
        mode="min",
        searcher="grid",
        scheduler="fifo",
        max_epochs=2,
    )
    run, folder = trained_run(tmp_path / "run", job), tmp_path / "out"
    run.export(folder)
    check_recorded(folder)
    np.save(tmp_path / "x.npy", data.load("digits", "test").x)
    script = f"""
import sys
sys.path.insert(0, {str(folder)!r})
import numpy, predict
assert predict.predict(numpy.load({str(tmp_path / "x.npy")!r})).shape == (450, 10)
assert "tune_jobs" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(UserError, match="--onnx is for networks"):
        run.export(tmp_path / "other", onnx=True)
    assert not (tmp_path / "other").exists(), "all of it or nothing"


OWN_MODEL = """
from dataclasses import dataclass

import torch

from tune_jobs import Model


class Own(Model):
    @dataclass(frozen=True)
    class Config:
        lr: float = 0.1

    def __init__(self, config):
        super().__init__(config)
        self.net = torch.nn.Linear(2, 1)
        self.optimizer = torch.optim.Adam(self.net.parameters(), config.lr)
        self.x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])

    def train_epoch(self):
        self.optimizer.zero_grad()
        self.net(self.x).square().mean().backward()
        self.optimizer.step()
        return {}

    def evaluate(self):
        return {"loss": self.net(self.x).square().mean().item()}

    def state_dict(self):
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state):
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
"""


def test_the_file_of_an_own_model_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_model.py").write_text(OWN_MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    space = {"lr": Float(0.01, 0.1)}
    job = tiny_job(model="own_model:Own", space=space, num_samples=1, max_epochs=2)
    run = trained_run(tmp_path / "run", job)
    run.export(tmp_path / "out")
    (tmp_path / "own_model.py").unlink()
    check_recorded(tmp_path / "out")


def test_nothing_is_overwritten_and_what_is_missing_is_told(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").touch()
    job = tiny_job(num_samples=1, max_epochs=1)
    with pytest.raises(UserError, match="full exists"):
        trained_run(tmp_path / "run", job).export(full)
    simulated = run_in_folder(tmp_path / "simulated", job, falling)
    with pytest.raises(UserError, match="checkpoint of trial 0"):
        Run.open(simulated.path).export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
