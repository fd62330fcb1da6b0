"""Recorded learning curves as a table to tune on: no training, the same curves for every tuner.

Ten tasks of LCBench (from YAHPO Gym's surrogate of it): 1,000 configs of an MLP's seven
hyperparameters, each with validation accuracy in percent and cumulative seconds after epochs
1 to 52. A config that is not in the table gets the curve of its nearest neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS = 52
SPACE = {  # name: (low, high, log scale, integer), in the order of the file's columns
    "batch_size": (16, 512, True, True),
    "learning_rate": (1e-4, 1e-1, True, False),
    "momentum": (0.1, 0.99, False, False),
    "weight_decay": (1e-5, 1e-1, False, False),
    "num_layers": (1, 5, False, True),
    "max_units": (64, 1024, True, True),
    "max_dropout": (0.0, 1.0, False, False),
}
SHORTEST_EPOCH = 1e-3  # seconds: the records are rounded, and some epochs take none or less

Config = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """One task: the space as plain data, the configs, and a curve for each of them."""

    task: str
    space: dict[str, tuple[float, float, bool, bool]]
    configs: np.ndarray  # (1000, 7)
    accuracy: np.ndarray  # (1000, 52)
    seconds: np.ndarray  # (1000, 52), cumulative

    def row(self, config: Config) -> int:
        """The index of the recorded config nearest to this one in the unit cube."""
        point = self._to_unit(np.array([config[name] for name in self.space], dtype=float))
        return int(((self._unit_configs - point) ** 2).sum(axis=1).argmin())

    def epoch_seconds(self, row: int, epoch: int) -> float:
        """How long this epoch (1 is the first) of a recorded config takes; never zero."""
        before = self.seconds[row, epoch - 2] if epoch > 1 else 0.0
        return max(float(self.seconds[row, epoch - 1] - before), SHORTEST_EPOCH)

    def regret(self, score: float) -> float:
        """What a score lacks: 0 is the best config of the table, 1 is its median config."""
        peaks = self.accuracy.max(axis=1)
        return float((peaks.max() - score) / (peaks.max() - np.median(peaks)))

    @cached_property
    def _unit_configs(self) -> np.ndarray:
        return self._to_unit(self.configs)

    def _to_unit(self, values: np.ndarray) -> np.ndarray:
        low, high, log, _ = np.array(list(self.space.values()), dtype=float).T
        scaled = [np.where(log, np.log(np.where(log, x, 1.0)), x) for x in (values, low, high)]
        return (scaled[0] - scaled[1]) / (scaled[2] - scaled[1])


def load(data: Path) -> list[Table]:
    """All tasks of `data/lcbench/curves.npz`, in the order of the file."""
    with np.load(data / "lcbench" / "curves.npz") as arrays:
        tasks, configs = arrays["tasks"], arrays["configs"].astype(float)
        accuracy, seconds = arrays["val_acc"].astype(float), arrays["time"].astype(float)
    seconds = np.maximum.accumulate(seconds, axis=2)  # rounded, so that some go back a little
    return [
        Table(str(task), SPACE, configs, *curves)
        for task, *curves in zip(tasks, accuracy, seconds, strict=True)
    ]
