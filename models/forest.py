"""A random forest (Breiman, Machine Learning 45, 2001), which grows in blocks of trees.

- an epoch is a block of trees; more trees make a forest worse only by chance, so a scheduler may
  stop it early
- the seed and the epoch determine a block, whatever came before it
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from tune_jobs.models.base import STRICT, Metrics
from tune_jobs.models.training.tabular import Tabular, TabularConfig, epoch_seed


class Forest(Tabular):
    """No tree is kept: the state is the sum of the trees' outputs on the validation data. The
    test grows all trees again."""

    @dataclass(frozen=True, config=STRICT)
    class Config(TabularConfig):
        trees: PositiveInt = 10  # per epoch
        max_depth: PositiveInt | None = None  # levels; None: until leaves are pure
        min_samples_leaf: PositiveInt = 1  # fewest training rows in a leaf
        max_features: float = Field(default=1.0, gt=0, le=1)  # share that a split chooses from

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._sum: NDArray[Any] = np.zeros(())  # (n,) or (n, classes)

    def fit_epoch(self) -> Metrics:
        self._sum = self._sum + self._block(len(self.configs), self._validation.x)
        return {}

    def evaluate(self) -> Metrics:
        if not self.configs:
            return super().evaluate()
        return self.judge("validation", self._sum / self._size)

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        epochs = range(1, len(self.configs) + 1)
        total: NDArray[Any] = np.sum([self._block(epoch, x) for epoch in epochs], axis=0)
        return total / self._size

    def estimator(self) -> Any:
        """The trees of all epochs in one forest."""
        first, *others = [self._grown(epoch) for epoch in range(1, len(self.configs) + 1)]
        for other in others:
            first.estimators_ += other.estimators_
        return first.set_params(n_estimators=self._size)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "sum": self._sum.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._sum = np.array(state["sum"])

    @property
    def _size(self) -> int:
        """Trees so far."""
        return sum(config.trees for config in self.configs)

    def _block(self, epoch: int, x: NDArray[Any]) -> NDArray[Any]:
        """The sum of the outputs of an epoch's trees."""
        total: NDArray[Any] = self.outputs(self._grown(epoch), x) * self.configs[epoch - 1].trees
        return total

    def _grown(self, epoch: int) -> Any:
        config = self.configs[epoch - 1]
        kind = RandomForestClassifier if self.learns_classes else RandomForestRegressor
        return kind(
            config.trees,
            max_depth=config.max_depth,
            min_samples_leaf=config.min_samples_leaf,
            max_features=config.max_features,
            random_state=epoch_seed(config, epoch),
        ).fit(self._train.x, self._train.y)
