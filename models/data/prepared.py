"""Data sets as arrays that all processes of a machine share, and folds of them.

A data set is prepared once per machine: read from its source, split with a fixed seed, and
written as plain arrays, which every process then maps into memory.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from tune_jobs.models.data.arrays import Arrays, Fold, MissingDataError, Split, data_folder
from tune_jobs.models.data.sources import source_of


def load(name: str, split: Split, fold: Fold | None = None) -> Arrays:
    """One split of a data set. With a fold, training and validation data are split by it; the test
    data are always the same.

    Images are uint8 (n, channels, height, width), tables float32 (n, features), texts uint8
    (n, positions). Labels are int64 classes, float32 targets, or the next characters of a text.

    Args:
        name: one of `tune_jobs.models.data.sources`, or the path of a folder of images with a
            folder for each class.

    Raises MissingDataError if the source cannot be reached or the folder cannot be written.
    """
    folder = prepare(name)
    if fold is None or split == "test":
        return _read(folder, split)
    parts = [_read(folder, part) for part in ("train", "validation")]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if fold.of == 1:
        return Arrays(x, y)
    rows = _rows(y, fold)[split == "validation"]
    return Arrays(x[rows], y[rows])


def prepare(name: str) -> Path:
    """Reads and splits a data set, if this machine has not done so yet; returns its folder. Raises
    MissingDataError as `load` does."""
    source = source_of(name)
    try:
        return made_once(
            data_folder() / "prepared" / source.key, lambda folder: _write(source.read(), folder)
        )
    except OSError as error:
        raise MissingDataError(
            f"{name} cannot be prepared in {data_folder()} ({error}); set TUNE_JOBS_DATA to a "
            "folder that can be written"
        ) from error


def _rows(y: NDArray[Any], fold: Fold) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows for training and for validation; classes are spread evenly over the folds."""
    from sklearn.model_selection import KFold, StratifiedKFold

    classes = y.ndim == 1 and y.dtype.kind in "iu"
    if y.ndim > 1:  # neighbours in a text stay together
        splits = KFold(fold.of)
    else:
        splits = (StratifiedKFold if classes else KFold)(fold.of, shuffle=True, random_state=0)
    train, validation = list(splits.split(y, y))[fold.number]
    return np.sort(train), np.sort(validation)


def _read(folder: Path, split: Split) -> Arrays:
    # Copy-on-write: pages are shared between processes, and torch accepts the array.
    return Arrays(*(np.load(folder / f"{split}-{part}.npy", mmap_mode="c") for part in "xy"))


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """A file or folder that all processes of a machine share. If it does not exist, ``make``
    writes it to the path that it gets: once, and completely or not at all. Raises OSError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock")):
            if not path.exists():
                unfinished = path.with_name(f"{path.name}.unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                make(unfinished)
                unfinished.rename(path)
    return path


def _write(splits: dict[Split, Arrays], folder: Path) -> None:
    folder.mkdir()
    for split, arrays in splits.items():
        np.save(folder / f"{split}-x.npy", arrays.x)
        np.save(folder / f"{split}-y.npy", arrays.y)
