"""Cross-validation of any model: one training whose epochs are the folds."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from tune_jobs.models.base import Done, Metrics, Model
from tune_jobs.models.data import Fold


class CrossValidation(Model):
    """An epoch is a fold, trained to its end. Each report has the means over the folds so far,
    their standard deviations as ``<metric>_std``, and the values of its own fold as
    ``<metric>_fold``.

    Args:
        model: its Config has a field ``fold``, which it passes to `tune_jobs.models.data.load`.
        config: of that model.
        folds: how many.
        max_epochs: of that model, in every fold.

    For the test, if the model has one, a last model is trained on all training and validation data.
    """

    def __init__(self, model: type[Model], config: Any, folds: int, max_epochs: int) -> None:
        super().__init__(config)
        self.model = model
        self.folds = folds
        self.max_epochs = max_epochs
        self.measured: list[dict[str, float]] = []  # of every fold so far

    def train_epoch(self) -> Metrics:
        with closing(self._model(Fold(len(self.measured), self.folds))) as model:
            metrics = {**self._trained(model), **model.evaluate()}
        self.measured.append({name: float(value) for name, value in metrics.items()})
        return {}

    def evaluate(self) -> Metrics:
        columns = {name: [fold[name] for fold in self.measured] for name in self.measured[0]}
        with np.errstate(invalid="ignore"):  # a fold may have diverged
            means = {name: float(np.mean(values)) for name, values in columns.items()}
            spread = {f"{name}_std": float(np.std(values)) for name, values in columns.items()}
        alone = {f"{name}_fold": values[-1] for name, values in columns.items()}
        return {**means, **spread, **alone}

    def test(self) -> Metrics:
        if self.model.test is Model.test:
            return {}
        with closing(self._model(Fold(0, 1))) as model:
            self._trained(model)
            return model.test()

    def state_dict(self) -> dict[str, Any]:
        return {"measured": self.measured}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.measured = list(state["measured"])

    def save(self, folder: Path) -> None:
        (folder / "folds.json").write_text(json.dumps(self.state_dict()))

    def load(self, folder: Path) -> None:
        self.load_state_dict(json.loads((folder / "folds.json").read_text()))

    def _model(self, fold: Fold) -> Model:
        return self.model(type(self.config)(**{**vars(self.config), "fold": fold}))

    def _trained(self, model: Model) -> Metrics:
        """Trains a model to its end; returns the metrics of its last epoch."""
        metrics: Metrics = {}
        with suppress(Done):
            for _ in range(self.max_epochs):
                metrics = model.train_epoch()
        return metrics
