"""Examples as tensors where they are needed, and batches of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tune_jobs.models import data

WORKERS = 2  # processes that read ahead if a data set does not fit


@dataclass(frozen=True)
class Examples:
    """Inputs (n, ...) and labels (n, ...): on the device, or on the disk if they do not fit."""

    x: Tensor
    y: Tensor
    fit: bool

    @cached_property
    def mean(self) -> Tensor:
        """The mean of every channel or feature; broadcasts against inputs."""
        return self._sample.mean(self._all_but_channels, keepdim=True)[0]

    @cached_property
    def std(self) -> Tensor:
        std = self._sample.std(self._all_but_channels, keepdim=True)[0]
        return torch.where(std > 0, std, 1.0)

    @property
    def _sample(self) -> Tensor:
        """Enough examples, spread over all, to estimate the mean."""
        return self.x[:: max(1, len(self.x) // 5000)].float()

    @property
    def _all_but_channels(self) -> list[int]:
        return [dim for dim in range(self.x.dim()) if dim != 1]


def examples(
    name: str, split: data.Split, fold: data.Fold | None, device: torch.device
) -> Examples:
    """A split of a data set. Raises MissingDataError."""
    x, y = map(torch.from_numpy, data.load(name, split, fold))
    if x.nbytes > room(device):
        return Examples(x, y, fit=False)
    return Examples(x.to(device), y.to(device), fit=True)


def batches(
    examples: Examples, order: Tensor, size: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """The examples with the numbers in ``order`` (n,), ``size`` at a time, on the device."""
    parts = order.split(size)
    if examples.fit:
        for rows in parts:
            rows = rows.to(device)
            yield examples.x[rows], examples.y[rows]
        return
    loader = DataLoader(
        _Rows(examples),
        batch_size=None,
        sampler=parts,
        num_workers=WORKERS,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # it draws a number, but not from the training's
    )
    for x, y in loader:
        yield x.to(device, non_blocking=True), y.to(device, non_blocking=True)


def room(device: torch.device) -> int:
    """Bytes that a data set may take: half of what a GPU has free, or of the machine's memory."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


class _Rows(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._examples.x[rows], self._examples.y[rows]
