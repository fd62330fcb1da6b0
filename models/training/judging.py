"""Predictions compared with labels: what the metrics of all classifiers and regressors mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune_jobs.models.base import Metrics
from tune_jobs.models.data import Split

NAMES: dict[Split, str] = {"train": "train", "validation": "val", "test": "test"}
"""How the metrics of a split begin."""

LEAST = 1e-12
"""The least probability in a log loss of a network, which never returns a real 0."""


def judged(
    split: Split, predictions: NDArray[Any], labels: NDArray[Any], least: float = LEAST
) -> Metrics:
    """Loss and accuracy of probabilities (..., classes) for whole labels (...); or the mean squared
    error and R² of numbers.

    Args:
        least: the least probability that counts in the log loss.
    """
    name = NAMES[split]
    if labels.dtype.kind in "iu":
        which = labels.astype(np.int64)[..., None]
        likelihood = np.take_along_axis(predictions, which, axis=-1).astype(np.float64)
        right = predictions.argmax(axis=-1) == labels
        loss = -np.log(likelihood.clip(min=least)).mean()
        return {f"{name}_loss": float(loss), f"{name}_accuracy": float(right.mean())}
    error = np.square(predictions.astype(np.float64) - labels).mean()
    return {f"{name}_loss": float(error), f"{name}_r2": float(1 - error / labels.var())}
