"""What is learned from labels: classes, or numbers."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor
from torch.nn import functional as F

from tune_jobs.models.base import Metrics


class Task(Protocol):
    """What a network's outputs are compared with."""

    outputs: int
    """Numbers that the network gives for an example."""

    def loss(self, outputs: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
        """What training brings down; a number."""

    def measure(self, outputs: Tensor, labels: Tensor) -> Metrics:
        """``loss``, and what else tells how good the outputs are."""

    def predictions(self, outputs: Tensor) -> Tensor:
        """What the outputs say, in the labels' own terms."""


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
    """Labels (n,) are numbers; a network gives them (n, 1) in units of ``std`` from ``mean``."""

    outputs = 1

    def __init__(self, mean: float, std: float) -> None:
        self.mean = mean
        self.std = std

    def loss(self, outputs: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
        return F.mse_loss(outputs.squeeze(-1), (labels - self.mean) / self.std)

    def predictions(self, outputs: Tensor) -> Tensor:
        """Numbers (n,) in the labels' own unit."""
        return outputs.squeeze(-1) * self.std + self.mean

    def measure(self, outputs: Tensor, labels: Tensor) -> Metrics:
        """The mean squared error in the labels' own unit, and R²."""
        error = (self.predictions(outputs) - labels).square().mean().item()
        return {"loss": error, "r2": 1 - error / labels.var(unbiased=False).item()}


def task_of(labels: Any) -> Task:
    """The task of training labels: a tensor of whole numbers, or of others."""
    if labels.is_floating_point():
        return Targets(labels.mean().item(), labels.std().item())
    return Classes(int(labels.max()) + 1)
