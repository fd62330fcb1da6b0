from __future__ import annotations

import gzip
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets

from tune_jobs.models import data

SPLITS: tuple[data.Split, ...] = ("train", "validation", "test")


def test_the_digits_are_all_there_once_and_evenly_spread() -> None:
    splits = {split: data.load("digits", split) for split in SPLITS}
    assert {split: len(arrays.y) for split, arrays in splits.items()} == {
        "train": 898,
        "validation": 449,
        "test": 450,
    }
    images = np.concatenate([arrays.x for arrays in splits.values()])
    assert images.shape == (1797, 1, 8, 8)
    assert images.max() == 16
    for arrays in splits.values():
        shares = np.array(list(Counter(arrays.y.tolist()).values())) / len(arrays.y)
        assert len(shares) == 10
        assert shares == pytest.approx(0.1, abs=0.012)


def test_the_splits_are_the_same_on_every_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = data.load("digits", "test")
    monkeypatch.setenv("TUNE_JOBS_DATA", str(tmp_path))
    again = data.load("digits", "test")
    assert np.array_equal(first.x, again.x)
    assert again.y[:12].tolist() == [2, 0, 4, 9, 4, 1, 2, 4, 6, 7, 9, 1]


def test_missing_files_are_named_with_the_folder_they_belong_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNE_JOBS_DATA", str(tmp_path))
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [tmp_path.as_uri() + "/nowhere/"])
    with pytest.raises(data.MissingDataError) as error:
        data.load("mnist", "train")
    said = str(error.value)
    assert str(tmp_path / "MNIST" / "raw") in said
    assert "train-images-idx3-ubyte.gz" in said
    assert "t10k-labels-idx1-ubyte.gz" in said
    assert "TUNE_JOBS_DATA" in said


def test_a_data_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TUNE_JOBS_DATA", str(tmp_path / "file"))
    with pytest.raises(data.MissingDataError, match=f"{tmp_path / 'file'}.*TUNE_JOBS_DATA"):
        data.load("digits", "train")


def test_mnist_comes_through_torchvision_from_the_files_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The four files in their real format, with 7,000 and 20 made-up images."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, count in (("train", 7000), ("t10k", 20)):
        images = rng.integers(256, size=(count, 28, 28), dtype=np.uint8)
        images[:, 0, 0] = np.arange(count) % 10
        write_idx(raw / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(raw / f"{name}-labels-idx1-ubyte.gz", (np.arange(count) % 10).astype(np.uint8))
    monkeypatch.setenv("TUNE_JOBS_DATA", str(tmp_path))
    resources = [(name, None) for name, _ in torchvision.datasets.MNIST.resources]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    sizes = {}
    for split in SPLITS:
        x, y = data.load("mnist", split)
        sizes[split] = x.shape
        assert np.array_equal(x[:, 0, 0, 0], y)
    assert sizes == {
        "train": (1000, 1, 28, 28),
        "validation": (6000, 1, 28, 28),
        "test": (20, 1, 28, 28),
    }


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + array.tobytes())


def test_processes_that_prepare_at_once_all_get_whole_data(tmp_path: Path) -> None:
    script = "from tune_jobs.models import data; print(data.load('digits', 'train').x.sum())"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={"TUNE_JOBS_DATA": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    sums = {process.communicate()[0] for process in started}
    assert sums == {f"{data.load('digits', 'train').x.sum()}\n"}
