"""Any image classifier of torchvision, fine-tuned from given weights to new classes.

- the last layer is new, and may learn faster than the others
- a share of the other layers, counted from the input, is frozen, with the running means of its
  batch norms
- images are scaled on the device, after augmentation, to the size that the weights expect
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt, field_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models as torchvision_models
from torchvision.models import get_model, get_model_weights, list_models

from tune_jobs.models.base import STRICT
from tune_jobs.models.data import MissingDataError
from tune_jobs.models.training.images import ImageClassifier, ImageRecipe
from tune_jobs.models.training.recipes import reconfigured

ARCHITECTURES = list_models(torchvision_models, exclude=["googlenet", "inception*"])
"""Those that return logits in training too; the excluded ones return more than that."""


class Finetune(ImageClassifier):
    @dataclass(frozen=True, config=STRICT)
    class Config(ImageRecipe):
        dataset: str = "cifar10"  # or the path of a folder of images
        architecture: str = "resnet18"  # a name of torchvision's
        weights: str = "DEFAULT"  # torchvision's, by name; or a file of a state_dict; "": random
        image_size: PositiveInt = 224  # height and width to which images are scaled
        frozen: float = Field(default=0.0, ge=0, le=1)  # share of the layers, without the last one
        head_factor: PositiveFloat = 1.0  # factor on the learning rate of the last layer
        optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "sgd"
        learning_rate: PositiveFloat = 0.01

        @field_validator("architecture")
        @classmethod
        def _exists(cls, name: str) -> str:
            if name not in ARCHITECTURES:
                near = get_close_matches(name, ARCHITECTURES) or ARCHITECTURES
                raise ValueError(f"torchvision has no such classifier; nearest: {', '.join(near)}")
            return name

    structural = ImageClassifier.structural | {"architecture", "weights", "frozen"}
    evaluation_batch = 128  # of large images
    network: FineTuned

    def build_network(self) -> nn.Module:
        config = self.config
        network = get_model(config.architecture, num_classes=self.task.outputs)
        if config.weights and self.is_new:
            *_, head = layers(network)
            own = network.state_dict()
            new = {name: own[name] for name in own if name.startswith(f"{head}.")}
            network.load_state_dict(given_weights(config.architecture, config.weights) | new)
        return FineTuned(network, config.image_size, config.frozen)

    def parameter_groups(self) -> list[dict[str, Any]]:
        *body, head = layers(self.network).values()
        learning = [p for layer in body for p in layer.parameters(recurse=False) if p.requires_grad]
        return [
            {"params": learning},
            {"params": list(head.parameters()), "learning_rate_factor": self.config.head_factor},
        ]

    def reconfigure(self, config: Any) -> None:
        self.config = config  # any dropout is the architecture's own, and stays
        self.network.size = config.image_size
        reconfigured(self.optimizer, self.parameter_groups(), config)


class FineTuned(nn.Module):
    """A classifier with frozen layers that scales its images first."""

    def __init__(self, network: nn.Module, size: int, frozen: float) -> None:
        super().__init__()
        self.network = network
        self.size = size
        *body, _ = layers(network).values()
        self._fixed = body[: round(frozen * len(body))]
        for layer in self._fixed:
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:  # (n, 1 or 3, height, width), to (n, classes)
        coloured = images.expand(-1, 3, -1, -1)
        size = [self.size, self.size]
        scaled = F.interpolate(coloured, size, mode="bilinear", antialias=True)
        logits: Tensor = self.network(scaled)
        return logits

    def train(self, mode: bool = True) -> FineTuned:
        super().train(mode)
        for layer in self._fixed:  # not its parts, which may be other layers
            layer.training = False
        return self


def layers(network: nn.Module) -> dict[str, nn.Module]:
    """The modules that have weights of their own, from the input to the head."""
    return {
        name: module
        for name, module in network.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    }


def given_weights(architecture: str, weights: str) -> dict[str, Tensor]:
    """Weights from a file, or torchvision's by name. Raises MissingDataError."""
    state: dict[str, Tensor]
    if Path(weights).is_file():
        state = torch.load(weights, map_location="cpu", weights_only=True)
        return state
    named = get_model_weights(architecture).__members__
    if weights not in named:
        raise MissingDataError(
            f"weights {weights!r} are not a file here; {architecture} has {', '.join(named)}"
        )
    try:
        state = get_model(architecture, weights=weights, progress=False).state_dict()
    except (OSError, RuntimeError) as error:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise MissingDataError(
            f"{architecture}'s weights {weights} are not in {folder} and could not be downloaded "
            f"({error}). Put {named[weights].url} there, set TORCH_HOME to a folder that has it "
            "in hub/checkpoints, or give the path of a file of a state_dict"
        ) from error
    return state
