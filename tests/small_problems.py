"""Data that any model of a kind can learn in a second, in place of the real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tune_jobs.models import data
from tune_jobs.models.data import Arrays, Fold, Split

SIZES = {"train": 300, "validation": 100, "test": 100}
CHANNELS_AND_SIDE = {"mnist": (1, 28), "fashion_mnist": (1, 28), "cifar10": (3, 32)}

_real = data.load


def load(name: str, split: Split, fold: Fold | None = None) -> Arrays:
    """As `tune_jobs.models.data.load`: the same kind of data, but few and easy; digits and
    diabetes are small as they are."""
    if name in ("digits", "diabetes"):
        return _real(name, split, fold)
    rng = np.random.default_rng([*SIZES].index(split) + 10 * (fold.number if fold else 0))
    n = SIZES[split]
    if name in CHANNELS_AND_SIDE:
        return _images(rng, n, *CHANNELS_AND_SIDE[name])
    return _text(rng, n) if name == "python_source" else _table(rng, n)


def _images(rng: np.random.Generator, n: int, channels: int, side: int) -> Arrays:
    """Ten classes, told apart by a bright column."""
    y = rng.integers(10, size=n)
    x = rng.integers(80, size=(n, channels, side, side), dtype=np.uint8)
    x[np.arange(n), :, :, y * 2 + 4] = 250
    return Arrays(x, y)


def _text(rng: np.random.Generator, n: int) -> Arrays:
    """The alphabet, over and over, begun anywhere."""
    letters = (rng.integers(26, size=(n, 1)) + np.arange(129)) % 26 + 97
    return Arrays(letters[:, :-1].astype(np.uint8), letters[:, 1:].astype(np.uint8))


def _table(rng: np.random.Generator, n: int) -> Arrays:
    """Eight features; the label is a curve over two of them, and a little noise."""
    x = rng.normal(size=(n, 8)).astype(np.float32)
    y = 2 * x[:, 0] + x[:, 1] ** 2 + 0.1 * rng.normal(size=n)
    return Arrays(x, y.astype(np.float32))


_PROGRAM = f"sh {Path(__file__).with_name('small_program.sh')}"

CONFIGS: dict[str, dict[str, Any]] = {
    "char_gpt": {"depth": 1, "heads": 2, "head_width": 8, "learning_rate": 1e-2},
    "command": {
        "command": f"{_PROGRAM} {{rate}} {{seed}} {{fold}} {{max_epochs}}",
        "test_command": f"{_PROGRAM} {{rate}} {{seed}} {{fold}} test",
        "max_epochs": 10,
        "rate": 1,
    },
    "dcgan": {"width": 4, "steps_per_epoch": 6, "generator_rate": 2e-3},
    "finetune": {"architecture": "squeezenet1_1", "weights": "", "image_size": 32},
    "lenet5": {"batch_size": 16},
    "mlp": {"batch_size": 16},
    "mnist_cnn": {"channels": 4, "hidden": 32, "batch_size": 16},
    "resnet": {
        **{"width": 4, "batch_size": 50, "optimizer": "adam", "learning_rate": 3e-3},
        **{"crop_padding": 0, "flip": 0.0},
    },
}
"""Where a default would take longer than a second, or there is none."""
