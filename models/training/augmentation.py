"""Changes to training images: a whole batch at once, on its device, each image differently.

torchvision's transforms change all images of a batch in the same way, which trains worse (see
``benchmarks/LOG.md``). Only mixup, which works on a whole batch, is theirs.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn import functional as F

from tune_jobs.models.base import STRICT


@dataclass(frozen=True, config=STRICT)
class Augmentation:
    """How much training images change; 0 means not at all."""

    crop_padding: NonNegativeInt = 0  # pixels added around before a crop of the old size
    flip: float = Field(default=0.0, ge=0, le=1)  # share of the images, left to right
    rotation: NonNegativeFloat = 0.0  # at most, in degrees, either way
    shift: NonNegativeFloat = 0.0  # at most, in pixels, either way
    zoom: float = Field(default=0.0, ge=0, lt=1)  # at most, as a share, in or out
    shear: NonNegativeFloat = 0.0  # at most, in degrees, either way
    colour: float = Field(default=0.0, ge=0, lt=1)  # at most, of brightness, contrast, saturation
    cutout: NonNegativeInt = 0  # side of a square set to the background (DeVries & Taylor 2017)
    mixup: NonNegativeFloat = 0.0  # alpha of the shares' Beta distribution (Zhang et al. 2018)


def augmented(images: Tensor, how: Augmentation, background: Tensor) -> Tensor:
    """Normalised images (n, channels, height, width), changed at random, with the same shape.

    ``background`` (channels, 1, 1) fills what lies outside. Random numbers come from the CPU, so
    that a GPU gets the same ones.
    """
    if how.rotation or how.shift or how.zoom or how.shear:
        images = _moved(images - background, how) + background
    if how.crop_padding:
        images = _cropped(images - background, how.crop_padding) + background
    if how.flip:
        chosen = (torch.rand(len(images), 1, 1, 1) < how.flip).to(images.device)
        images = torch.where(chosen, images.flip(-1), images)
    if how.colour:
        images = _coloured(images, how.colour)
    if how.cutout:
        images = torch.where(_holes(images, how.cutout), background, images)
    return images


def mixed(images: Tensor, labels: Tensor, alpha: float, classes: int) -> tuple[Tensor, Tensor]:
    """Blends every image with another; labels become shares of the classes, (n, classes)."""
    from torchvision.transforms.v2 import MixUp  # here, because it takes seconds to import

    changed: tuple[Tensor, Tensor] = MixUp(alpha=alpha, num_classes=classes)(images, labels)
    return changed


def _either_way(n: int, images: Tensor) -> Tensor:
    """n random numbers for every image, from -1 to 1."""
    return (torch.rand(n, len(images)) * 2 - 1).to(images.device)


def _moved(images: Tensor, how: Augmentation) -> Tensor:
    """Images rotated, sheared, zoomed and shifted in one resampling, with 0 outside."""
    turn, zoom, right, down, slant = _either_way(5, images)
    angle = turn * math.radians(how.rotation)
    scale = 1 + zoom * how.zoom
    lean = (slant * math.radians(how.shear)).tan()
    across, along = (2 * how.shift / side for side in (images.shape[3], images.shape[2]))
    cos, sin = scale * angle.cos(), scale * angle.sin()
    maps = torch.stack(
        [
            torch.stack([cos, lean * cos - sin, right * across]),
            torch.stack([sin, lean * sin + cos, down * along]),
        ]
    )  # (2, 3, n)
    grid = F.affine_grid(maps.permute(2, 0, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def _cropped(images: Tensor, padding: int) -> Tensor:
    n, _, height, width = images.shape
    top, left = torch.randint(2 * padding + 1, (2, n)).to(images.device)
    rows = top[:, None] + torch.arange(height, device=images.device)  # (n, height)
    columns = left[:, None] + torch.arange(width, device=images.device)
    padded: Tensor = F.pad(images, [padding] * 4)
    which = torch.arange(n, device=images.device)[:, None, None]
    # Indices around the channels put those last.
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _coloured(images: Tensor, strength: float) -> Tensor:
    changes = strength * _either_way(3, images)[..., None, None, None]
    brightness, contrast, saturation = changes.unbind()
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * (1 + contrast)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (1 + saturation)
    return images + brightness


def _holes(images: Tensor, side: int) -> Tensor:
    """True within a square of every image, (n, 1, height, width); it may hang over the edge."""
    n, _, height, width = images.shape
    y = torch.randint(height, (n, 1)).to(images.device)
    x = torch.randint(width, (n, 1)).to(images.device)
    rows = _within(height, y, side)
    columns = _within(width, x, side)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _within(size: int, centre: Tensor, side: int) -> Tensor:
    offset = torch.arange(size, device=centre.device) - (centre - side // 2)
    return (offset >= 0) & (offset < side)
