"""What the models of scikit-learn share: rows, epochs, metrics, checkpoints.

scikit-learn saves its estimators as pickles, and loading one runs code from the file. So a
checkpoint is JSON: numbers, and the configs of the epochs so far, with which the rest is trained
again.
"""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt
from pydantic.dataclasses import dataclass
from threadpoolctl import threadpool_limits

from tune_jobs.models import data
from tune_jobs.models.base import STRICT, Metrics, Model
from tune_jobs.models.data import Arrays, Fold, Split
from tune_jobs.models.nested import config_of
from tune_jobs.models.training.judging import judged


@dataclass(frozen=True, config=STRICT)
class TabularConfig:
    """The fields of all of them; pydantic rejects values that make no sense."""

    dataset: Literal["digits", "california", "diabetes"] = "digits"
    seed: NonNegativeInt = 0
    fold: Fold | None = None  # of a cross-validation, which sets it


class Tabular(Model):
    """A model of the rows of a data set of `tune_jobs.models.data`, on one thread. The labels
    decide the task: classes or targets.

    The randomness of an epoch is a function of the seed and the number of the epoch, so there is
    no random state to save. The loss is the mean squared error in the unit of the labels, or the
    log loss. For the log loss, a probability is at least one over the number of training rows,
    because a leaf that has never seen a class returns 0.
    """

    structural = frozenset({"dataset", "fold"})

    @classmethod
    def prepare_data(cls, config: Any) -> None:
        data.prepare(config.dataset)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.configs: list[Any] = []  # of the epochs so far
        self._train = self._read("train")
        self._validation = self._read("validation")
        labels = self._train.y
        self.learns_classes = labels.dtype.kind in "iu"
        self._untrained = (
            np.bincount(labels) / len(labels) if self.learns_classes else labels.mean()
        )

    @abstractmethod
    def fit_epoch(self) -> Metrics:
        """Trains one epoch with the last config of `configs`."""

    @abstractmethod
    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """Targets (n,) or probabilities of the classes (n, classes) for rows (n, features)."""

    def train_epoch(self) -> Metrics:
        self.configs.append(self.config)
        with threadpool_limits(1):
            return self.fit_epoch()

    def evaluate(self) -> Metrics:
        return self.measured("validation")

    def test(self) -> Metrics:
        return self.measured("test")

    def measured(self, split: Split) -> Metrics:
        return self.judge(split, self.predictions(split))

    def predictions(self, split: Split) -> NDArray[Any]:
        rows = self._rows(split)
        if not self.configs:
            return np.broadcast_to(self._untrained, (len(rows.y), *np.shape(self._untrained)))
        with threadpool_limits(1):
            return self.predict(rows.x)

    def judge(self, split: Split, predictions: NDArray[Any]) -> Metrics:
        least = 1 / len(self._train.y)
        return judged(split, predictions, self._rows(split).y, least)

    @abstractmethod
    def estimator(self) -> Any:
        """A trained estimator of scikit-learn with the outputs of `predict`."""

    def export(self, folder: Path) -> None:
        from skops.io import dump

        dump(self.estimator(), folder / "model.skops")

    def outputs(self, estimator: Any, x: NDArray[Any]) -> NDArray[Any]:
        """The outputs of a scikit-learn estimator, as for `predict`."""
        found: NDArray[Any] = (
            estimator.predict_proba(x) if self.learns_classes else estimator.predict(x)
        )
        return found

    def state_dict(self) -> dict[str, Any]:
        return {"configs": [dataclasses.asdict(config) for config in self.configs]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.configs = [config_of(self.Config, config) for config in state["configs"]]

    def reconfigure(self, config: Any) -> None:
        self.config = config

    def save(self, folder: Path) -> None:
        (folder / "state.json").write_text(json.dumps(self.state_dict()))

    def load(self, folder: Path) -> None:
        self.load_state_dict(json.loads((folder / "state.json").read_text()))

    def _rows(self, split: Split) -> Arrays:
        known = {"train": self._train, "validation": self._validation}
        return known.get(split) or self._read(split)

    def _read(self, split: Split) -> Arrays:
        x, y = data.load(self.config.dataset, split, self.config.fold)
        rows = np.asarray(x.reshape(len(x), -1), dtype=np.float32)
        return Arrays(rows, y if y.dtype.kind in "iu" else y.astype(np.float64))


def epoch_seed(config: TabularConfig, epoch: int) -> int:
    """The seed for scikit-learn in an epoch, from the seed of the job and the epoch."""
    return int(np.random.SeedSequence((config.seed, epoch)).generate_state(1)[0])
