"""A small GPT (Radford et al. 2018) that learns which character of a Python source comes next.

- the width is heads x head_width, so that every choice of the two fits
- layers are normalised at their start (pre-norm, as in GPT-2); positions are learned
- an epoch is a number of steps on different examples, not a pass over the data
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from tune_jobs.models.base import STRICT
from tune_jobs.models.training.recipes import Recipe
from tune_jobs.models.training.supervised import Supervised


class CharGPT(Supervised):
    @dataclass(frozen=True, config=STRICT)
    class Config(Recipe):
        dataset: Literal["python_source"] = "python_source"
        batch_size: PositiveInt = 16  # texts of 128 characters
        optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adamw"
        weight_decay: NonNegativeFloat = 0.01
        steps_per_epoch: PositiveInt = 100  # per epoch, as long as there are examples
        depth: PositiveInt = 2  # blocks of attention and a network for each position
        heads: PositiveInt = 4  # attention heads in each block
        head_width: PositiveInt = 16  # features of one head
        dropout: float = Field(default=0.1, ge=0, lt=1)  # in attention and after every layer

    structural = Supervised.structural | {"depth", "heads", "head_width"}
    evaluation_batch = 128

    def build_network(self) -> nn.Module:
        config, width = self.config, self.config.heads * self.config.head_width
        blocks = [_block(width, config.heads, config.dropout) for _ in range(config.depth)]
        network = nn.Sequential(  # (n, 128) characters
            Embedding(self.task.outputs, self.shape[0], width),  # (n, 128, width)
            nn.Dropout(config.dropout),
            *blocks,
            nn.LayerNorm(width),
            nn.Linear(width, self.task.outputs),  # (n, 128, outputs)
        )
        return network.apply(_initialise)

    def prepared(self, x: Tensor) -> Tensor:
        return x.long()

    def examples_per_epoch(self) -> int:
        return int(self.config.steps_per_epoch * self.config.batch_size)


class Embedding(nn.Module):
    """An embedding of the character plus one of its position."""

    def __init__(self, characters: int, positions: int, width: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(characters, width)
        self.positions = nn.Embedding(positions, width)

    def forward(self, x: Tensor) -> Tensor:
        embedded: Tensor = self.characters(x) + self.positions.weight
        return embedded


class CausalAttention(nn.Module):
    """Every position attends to itself and to the positions before it."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # (n, positions, width)
        # (3, n, heads, positions, head width)
        q, k, v = self.inputs(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        dropout = self.dropout.p if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output


class Residual(nn.Sequential):
    """Adds the output of the layers to their input."""

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = super().forward(x)
        return x + change


def _block(width: int, heads: int, dropout: float) -> nn.Module:
    return nn.Sequential(
        Residual(
            nn.LayerNorm(width),
            CausalAttention(width, heads, dropout),
            nn.Dropout(dropout),
        ),
        Residual(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        ),
    )


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
