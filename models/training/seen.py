"""What a network has to know of the data that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tune_jobs.models.training.tasks import Classes, Targets, Task


class Seen(NamedTuple):
    """Attributes:
    shape: of an input.
    mean, std: of every channel or feature; they broadcast against inputs.
    """

    shape: tuple[int, ...]
    mean: Tensor
    std: Tensor
    task: Task

    def as_state(self) -> dict[str, Any]:
        """Tensors and numbers, for a file."""
        inputs = {"shape": list(self.shape), "mean": self.mean, "std": self.std}
        return {"inputs": inputs, "task": vars(self.task)}

    @classmethod
    def of_state(cls, state: Mapping[str, Any], device: torch.device) -> Seen:
        inputs, task = state["inputs"], state["task"]
        kind: type[Classes | Targets] = Classes if "outputs" in task else Targets
        seen = cls(tuple(inputs["shape"]), inputs["mean"], inputs["std"], kind(**task))
        return seen.on(device)

    def on(self, device: torch.device) -> Seen:
        return self._replace(mean=self.mean.to(device), std=self.std.to(device))
