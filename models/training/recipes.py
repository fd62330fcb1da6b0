"""The training recipe that the torch models share; every part is a hyperparameter.

- optimizers and weight decay are torch's; no decay is added to the loss
- a schedule is a function of the share of the training that is done, and has no state
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from tune_jobs.models.base import STRICT
from tune_jobs.models.data import Fold


@dataclass(frozen=True, config=STRICT)
class Recipe:
    """Hyperparameters of gradient descent; pydantic rejects values that make no sense."""

    batch_size: PositiveInt = 64  # examples per step
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    learning_rate: PositiveFloat = 1e-3  # per step, at the schedule's peak
    momentum: float = Field(default=0.9, ge=0, lt=1)  # sgd and rmsprop only
    nesterov: bool = False  # sgd only
    weight_decay: NonNegativeFloat = 0.0  # decoupled in adamw, an L2 gradient in the others
    l1: NonNegativeFloat = 0.0  # times the sum of the absolute weights, added to the loss
    gradient_clip: NonNegativeFloat = 0.0  # largest norm of the whole gradient; 0: none
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)  # share spread over all classes

    schedule: Literal[
        "constant", "step", "multi_step", "cosine", "cosine_restarts", "one_cycle", "cyclic"
    ] = "constant"
    warmup: float = Field(default=0.0, ge=0, lt=1)  # share of the training, rising from 0
    cycles: PositiveInt = 3  # steps down, restarts, or triangles in the training
    milestones: tuple[float, ...] = (0.5, 0.75)  # multi_step: shares of the training
    gamma: float = Field(default=0.1, gt=0, le=1)  # factor of a step down

    max_epochs: PositiveInt = 10  # of the whole training
    seed: NonNegativeInt = 0
    fold: Fold | None = None  # of a cross-validation, which sets it


def rate_factor(recipe: Recipe, progress: float) -> float:
    """The factor on the learning rate when a share of 0 to 1 of the training is done.

    - step: times gamma after each of ``cycles`` equal parts but the last
    - multi_step: times gamma at each of the milestones
    - cosine: half a cosine from 1 to 0; cosine_restarts: ``cycles`` of them (SGDR,
      Loshchilov & Hutter 2017)
    - one_cycle: from 1/25 to 1 in the first three tenths, then down to nearly 0 (Smith & Topin
      2019; the momentum stays)
    - cyclic: triangles from 0 to 1 and back (Smith 2017)

    After a warm-up, the schedule spans the rest of the training. cyclic has no warm-up, because
    it begins with a rise.
    """
    warmup = recipe.warmup if recipe.schedule != "cyclic" else 0.0
    if progress < warmup:
        return progress / warmup * _scheduled(recipe, 0.0)
    rest = (progress - warmup) / (1 - warmup)
    return _scheduled(recipe, min(rest, 1.0))


def _scheduled(recipe: Recipe, progress: float) -> float:
    cycle = progress * recipe.cycles
    match recipe.schedule:
        case "constant":
            return 1.0
        case "step":
            return recipe.gamma ** min(int(cycle), recipe.cycles - 1)
        case "multi_step":
            return recipe.gamma ** sum(progress >= milestone for milestone in recipe.milestones)
        case "cosine":
            return _cosine(1.0, 0.0, progress)
        case "cosine_restarts":
            return _cosine(1.0, 0.0, cycle % 1 if progress < 1 else 1.0)
        case "one_cycle":
            if progress < 0.3:
                return _cosine(1 / 25, 1.0, progress / 0.3)
            return _cosine(1.0, 1 / 25e4, (progress - 0.3) / 0.7)
        case "cyclic":
            return 1 - abs(1 - 2 * (cycle % 1))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def make_optimizer(
    parameters: Iterable[nn.Parameter] | list[dict[str, Any]], recipe: Recipe
) -> torch.optim.Optimizer:
    """An optimizer of parameters or groups; a group may have a ``learning_rate_factor``."""
    rate, decay, momentum = recipe.learning_rate, recipe.weight_decay, recipe.momentum
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, rate, weight_decay=decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(parameters, rate, weight_decay=decay, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, rate, momentum=momentum, weight_decay=decay)
        case "sgd":
            nesterov = recipe.nesterov and momentum > 0
            return torch.optim.SGD(
                parameters, rate, momentum, 0, decay, nesterov=nesterov, fused=True
            )


def optimize(
    loss: Tensor, optimizer: torch.optim.Optimizer, recipe: Recipe, progress: float
) -> None:
    """One step of gradient descent by the recipe."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if recipe.l1:
        loss = loss + recipe.l1 * sum(p.abs().sum() for p in parameters if p.dim() > 1)
    optimizer.zero_grad()
    loss.backward()
    if recipe.gradient_clip:
        nn.utils.clip_grad_norm_(parameters, recipe.gradient_clip)
    for group in optimizer.param_groups:
        own = group.get("learning_rate_factor", 1.0)
        group["lr"] = recipe.learning_rate * own * rate_factor(recipe, progress)
    optimizer.step()


def reconfigured(
    optimizer: torch.optim.Optimizer, groups: list[dict[str, Any]], recipe: Recipe
) -> None:
    """Applies the numbers of a recipe to an optimizer of the same kind, which keeps its state."""
    fresh = make_optimizer(groups, recipe)
    for group, new in zip(optimizer.param_groups, fresh.param_groups, strict=True):
        group.update({key: value for key, value in new.items() if key != "params"})
    if recipe.optimizer == "rmsprop" and recipe.momentum:  # it may have had none until now
        for parameter, state in optimizer.state.items():
            state.setdefault("momentum_buffer", torch.zeros_like(parameter))
