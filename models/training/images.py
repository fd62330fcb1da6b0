"""What image classifiers share: a `Supervised` with augmented training images."""

from __future__ import annotations

import torch
from pydantic.dataclasses import dataclass
from torch import Tensor

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.augmentation import Augmentation, augmented, mixed
from tune_jobs.models.training.recipes import Recipe
from tune_jobs.models.training.supervised import Supervised


@dataclass(frozen=True, config=STRICT)
class ImageRecipe(Recipe, Augmentation):
    """How to train on images."""


class ImageClassifier(Supervised):
    """Cross-entropy on labelled images of `tune_jobs.models.data`."""

    def changed(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        config = self.config
        x = augmented(x, config, self.prepared(torch.zeros_like(self.seen.mean)))
        if config.mixup:
            x, y = mixed(x, y, config.mixup, self.task.outputs)
        return x, y
