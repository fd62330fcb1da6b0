"""Cross-validation of any model: its folds, one after the other, as one training."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from models.base import Metrics, Model
from models.data import Fold


class CrossValidation(Model):
    """An epoch is a fold, trained to its end. After each, what is reported are the means over
    the folds so far and, as ``<metric>_std``, their standard deviation.

    Args:
        model: its Config has a field ``fold``, which it passes to `models.data.load`.
        config: of that model.
        folds: how many.
        max_epochs: of that model, in every fold.

    The test is that of a last model, trained on all of the training and validation data.
    """

    def __init__(self, model: type[Model], config: Any, folds: int, max_epochs: int) -> None:
        super().__init__(config)
        self.model = model
        self.folds = folds
        self.max_epochs = max_epochs
        self.measured: list[dict[str, float]] = []  # of every fold so far

    def train_epoch(self) -> Metrics:
        model, metrics = self._trained(Fold(len(self.measured), self.folds))
        metrics = {**metrics, **model.evaluate()}
        model.close()
        self.measured.append({name: float(value) for name, value in metrics.items()})
        return {}

    def evaluate(self) -> Metrics:
        columns = {name: [fold[name] for fold in self.measured] for name in self.measured[0]}
        means = {name: statistics.fmean(values) for name, values in columns.items()}
        spread = {f"{name}_std": statistics.pstdev(values) for name, values in columns.items()}
        return {**means, **spread}

    def test(self) -> Metrics:
        model, _ = self._trained(Fold(0, 1))
        measured = model.test()
        model.close()
        return measured

    def state_dict(self) -> dict[str, Any]:
        return {"measured": self.measured}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.measured = list(state["measured"])

    def save(self, folder: Path) -> None:
        (folder / "folds.json").write_text(json.dumps(self.state_dict()))

    def load(self, folder: Path) -> None:
        self.load_state_dict(json.loads((folder / "folds.json").read_text()))

    def _trained(self, fold: Fold) -> tuple[Model, Metrics]:
        """A model that is trained, and the metrics of its last epoch."""
        model = self.model(type(self.config)(**{**vars(self.config), "fold": fold}))
        metrics = [model.train_epoch() for _ in range(self.max_epochs)]
        return model, metrics[-1]
