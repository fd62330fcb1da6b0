"""The best models of ready-made jobs, exported, in processes that know nothing of their runs.

Slow: the jobs train, and every process imports torch.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from exported import check_recorded, onnx_predictions, predictions
from PIL import Image
from trained import trained_run

from tune_jobs import Run
from tune_jobs.job.files import load_job
from tune_jobs.job.overrides import override
from tune_jobs.models import data

BESIDE = Path(__file__).parents[3] / "shared" / "data"  # data sets for tests, if there are any


def run_of(path: Path, name: str, *settings: str) -> Run:
    """Two trials of two epochs."""
    size = {"num_samples": 2, "max_epochs": 2, "scheduler": "fifo"}
    return trained_run(path, override(load_job(name)[0], size, settings))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three kinds of noisy pictures: red, green and blue ones."""
    rng = np.random.default_rng(0)
    for colour, name in enumerate(("red", "green", "blue")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(24):
            pixels = rng.integers(160, size=(96, 96, 3), dtype=np.uint8)
            pixels[..., colour] += 60
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def california() -> None:
    """The data set is in the folder of data, or is brought there."""
    wanted = data.data_folder() / "cal_housing_py3.pkz"
    given = BESIDE / "california_housing" / wanted.name
    if not wanted.exists() and not given.exists():
        pytest.skip(f"California housing is neither in {wanted.parent} nor in {given.parent}")
    if not wanted.exists():
        shutil.copy(given, wanted)


def test_char_gpt(tmp_path: Path) -> None:
    check_network(run_of(tmp_path / "run", "char_gpt", "steps_per_epoch=10"), "python_source")


def test_finetune(tmp_path: Path, photos: Path) -> None:
    small = [f"dataset={photos}", 'weights=""', "image_size=48", "batch_size=32"]
    check_network(run_of(tmp_path / "run", "finetune", *small), str(photos))


def check_network(run: Run, dataset: str) -> None:
    """On the test data, which `export` does not look at."""
    folder = run.folder.path.with_name("out")
    run.export(folder, onnx=True)
    check_recorded(folder)
    x = np.array(data.load(dataset, "test").x[:200])
    predicted = predictions(folder, x)
    assert len(predicted) == len(x)
    assert np.ptp(predicted, axis=0).max() > 1e-3, "different inputs, different predictions"
    assert predicted == pytest.approx(onnx_predictions(folder, x), abs=1e-4)


@pytest.mark.usefixtures("california")
def test_california_forest(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run_of(tmp_path / "run", "california_forest").export(folder)
    check_recorded(folder)
    x, y = data.load("california", "test")
    error = float(np.mean((predictions(folder, x) - y) ** 2))
    assert error < 0.5 * np.var(y), "it has learned"
