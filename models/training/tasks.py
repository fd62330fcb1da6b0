"""The tasks: classes or numbers."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor
from torch.nn import functional as F

from tune_jobs.models.base import Metrics


class Task(Protocol):
    """How the outputs of a network are compared with labels."""

    outputs: int
    """How many numbers the network returns per example."""

    def loss(self, outputs: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
        """The number that training minimises."""

    def measure(self, outputs: Tensor, labels: Tensor) -> Metrics:
        """``loss`` and other metrics of the outputs."""

    def predictions(self, outputs: Tensor) -> Tensor:
        """The outputs in terms of the labels."""


class Classes:
    """Labels (n,) or (n, positions) are classes; outputs are logits, (..., classes).

    Mixed labels, as mixup makes them, are probabilities of the classes, (n, classes).
    """

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def loss(self, outputs: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
        if not labels.is_floating_point():
            labels = labels.flatten().long()
        logits = outputs.flatten(0, -2)
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)

    def predictions(self, outputs: Tensor) -> Tensor:
        """Probabilities of the classes, (..., classes)."""
        return outputs.softmax(dim=-1)

    def measure(self, outputs: Tensor, labels: Tensor) -> Metrics:
        right = outputs.argmax(dim=-1) == labels
        return {
            "loss": self.loss(outputs, labels, label_smoothing=0.0).item(),
            "accuracy": right.double().mean().item(),
        }


class Targets:
    """Labels (n,) are numbers; a network returns (n, 1), in units of ``std`` from ``mean``."""

    outputs = 1

    def __init__(self, mean: float, std: float) -> None:
        self.mean = mean
        self.std = std

    def loss(self, outputs: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
        return F.mse_loss(outputs.squeeze(-1), (labels - self.mean) / self.std)

    def predictions(self, outputs: Tensor) -> Tensor:
        """Numbers (n,) in the unit of the labels."""
        return outputs.squeeze(-1) * self.std + self.mean

    def measure(self, outputs: Tensor, labels: Tensor) -> Metrics:
        """The mean squared error in the unit of the labels, and R²."""
        error = (self.predictions(outputs) - labels).square().mean().item()
        return {"loss": error, "r2": 1 - error / labels.var(unbiased=False).item()}


def task_of(labels: Any) -> Task:
    """The task for training labels: classes if they are whole numbers, else numbers."""
    if labels.is_floating_point():
        return Targets(labels.mean().item(), labels.std().item())
    return Classes(int(labels.max()) + 1)
