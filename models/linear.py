"""A linear model: regression, or logistic regression of each class against the others.

- stochastic gradient descent, one row per step; an epoch is a pass over the rows in a new order
- features and targets are standardised by the training data
- ridge, lasso and elastic net are choices of the penalty (L1: Tsuruoka et al., ACL 2009)
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat
from pydantic.dataclasses import dataclass
from scipy.special import log_expit, softmax
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tune_jobs.models.base import STRICT, Metrics
from tune_jobs.models.training.tabular import Tabular, TabularConfig, epoch_seed

FURTHEST = 5.0  # standard deviations; one district of California has 1,243 people per household


class Linear(Tabular):
    @dataclass(frozen=True, config=STRICT)
    class Config(TabularConfig):
        learning_rate: PositiveFloat = 1e-3  # per step, in the first epoch
        decay: NonNegativeFloat = 0.0  # in epoch e the rate is learning_rate / e^decay
        penalty: Literal["l2", "l1", "elasticnet"] = "l2"
        alpha: NonNegativeFloat = 1e-4  # strength of the penalty
        l1_ratio: float = Field(default=0.5, ge=0, le=1)  # elasticnet only: the share of L1

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        x, y = self._train.x.astype(np.float64), self._train.y
        self._mean: NDArray[Any] = x.mean(axis=0)
        self._std: NDArray[Any] = x.std(axis=0)
        self._std[self._std == 0] = 1.0
        self._center: float = 0 if self.learns_classes else y.mean()
        self._scale: float = 1 if self.learns_classes else y.std()
        classes = np.shape(self._untrained)
        self._coef = np.zeros((*classes, x.shape[1]))  # (features,) or (classes, features)
        self._intercept = np.zeros(classes or 1)

    def fit_epoch(self) -> Metrics:
        config, epoch = self.config, len(self.configs)
        kind, loss = (
            (SGDClassifier, "log_loss") if self.learns_classes else (SGDRegressor, "squared_error")
        )
        sgd = kind(
            loss=loss,
            penalty=config.penalty,
            alpha=config.alpha,
            l1_ratio=config.l1_ratio,
            learning_rate="constant",  # within the epoch
            eta0=config.learning_rate / epoch**config.decay,
            max_iter=1,
            tol=None,
            random_state=epoch_seed(config, epoch),
        )
        labels = (self._train.y - self._center) / self._scale
        sgd.fit(self._standardised(self._train.x), labels, self._coef, self._intercept)
        self._coef, self._intercept = sgd.coef_, sgd.intercept_
        return self.measured("train")

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        outputs: NDArray[Any] = self._standardised(x) @ self._coef.T + self._intercept
        if self.learns_classes:
            outputs = softmax(log_expit(outputs), axis=1)
        return outputs * self._scale + self._center

    def estimator(self) -> Any:
        linear: Any = SGDClassifier(loss="log_loss") if self.learns_classes else SGDRegressor()
        linear.coef_ = self._coef * self._scale
        linear.intercept_ = self._intercept * self._scale + self._center
        scaler = StandardScaler()
        scaler.mean_, scaler.scale_, scaler.n_features_in_ = self._mean, self._std, len(self._mean)
        if self.learns_classes:
            linear.classes_ = np.arange(len(self._coef))
        clip = FunctionTransformer(np.clip, kw_args={"a_min": -FURTHEST, "a_max": FURTHEST})
        return make_pipeline(scaler, clip, linear)

    def state_dict(self) -> dict[str, Any]:
        learned = {"coef": self._coef.tolist(), "intercept": self._intercept.tolist()}
        return {**super().state_dict(), **learned}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._coef, self._intercept = np.array(state["coef"]), np.array(state["intercept"])

    def _standardised(self, x: NDArray[Any]) -> NDArray[Any]:
        features: NDArray[Any] = (x - self._mean) / self._std
        return features.clip(-FURTHEST, FURTHEST)
