"""The data sets, and the only place that touches data files or the network.

A data set is prepared once per machine: read from its source, split with a fixed seed, and
written as plain arrays, which every process then maps into memory and shares. Data live
under $TUNE_JOBS_DATA, by default in the user's cache folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from platformdirs import user_cache_dir

Split = Literal["train", "validation", "test"]


class Arrays(NamedTuple):
    """Inputs (n, ...) and labels (n,) of one split; pages are read from disk when touched."""

    x: NDArray[Any]
    y: NDArray[Any]


class MissingDataError(Exception):
    """A data set that is neither here nor can be fetched: says which files to put where."""


def data_folder() -> Path:
    return Path(os.environ.get("TUNE_JOBS_DATA") or user_cache_dir("tune-jobs"))


def load(name: str, split: Split) -> Arrays:
    """One split of a data set, images as uint8 (n, channels, height, width), labels as int64.

    Raises MissingDataError where the source is out of reach, or the folder cannot be written.
    """
    source = _SOURCES[name]
    folder = data_folder() / "prepared" / f"{name}-v1"
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")):
                if not folder.is_dir():
                    _prepare(source, folder)
        except OSError as error:
            raise MissingDataError(
                f"{name} cannot be prepared in {data_folder()} ({error}); set TUNE_JOBS_DATA to a "
                "folder that can be written"
            ) from error
    # Copy-on-write: pages are shared between processes, and torch accepts the array.
    return Arrays(*(np.load(folder / f"{split}-{part}.npy", mmap_mode="c") for part in "xy"))


def _prepare(source: Callable[[], dict[Split, Arrays]], folder: Path) -> None:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for split, arrays in source().items():
        np.save(unfinished / f"{split}-x.npy", arrays.x)
        np.save(unfinished / f"{split}-y.npy", arrays.y)
    unfinished.rename(folder)


def _digits() -> dict[Split, Arrays]:
    """scikit-learn's 1,797 handwritten digits, 8x8, pixels 0..16: 64 % / 16 % / 20 %."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x = images.reshape(-1, 1, 8, 8).astype(np.uint8)
    y = labels.astype(np.int64)
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
    train, validation = train_test_split(rest, test_size=0.2, random_state=0, stratify=y[rest])
    return {
        "train": Arrays(x[train], y[train]),
        "validation": Arrays(x[validation], y[validation]),
        "test": Arrays(x[test], y[test]),
    }


def _mnist() -> dict[Split, Arrays]:
    """MNIST, 28x28, pixels 0..255: 54,000 / 6,000 of its training set, and its test set."""
    from torchvision.datasets import MNIST

    root = data_folder()
    try:
        sets = [MNIST(str(root), train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:
        files = "".join(f"\n  {name}" for name, _ in MNIST.resources)
        raise MissingDataError(
            f"MNIST is not in {root} and could not be downloaded ({error}). Put these files "
            f"into {root / 'MNIST' / 'raw'}, or set TUNE_JOBS_DATA to a folder that has them "
            f"in MNIST/raw:{files}"
        ) from error
    (x, y), test = (Arrays(s.data.numpy()[:, None], s.targets.numpy()) for s in sets)
    order = np.random.default_rng(0).permutation(len(y))
    train, validation = np.sort(order[6000:]), np.sort(order[:6000])
    return {
        "train": Arrays(x[train], y[train]),
        "validation": Arrays(x[validation], y[validation]),
        "test": test,
    }


_SOURCES: dict[str, Callable[[], dict[Split, Arrays]]] = {"digits": _digits, "mnist": _mnist}
