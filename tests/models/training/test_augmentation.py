from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tune_jobs.models.training.augmentation import Augmentation, augmented, mixed

BACKGROUND = torch.tensor([-0.5, 0.0, 2.0])[:, None, None]

STRENGTHS = {
    "crop_padding": st.integers(0, 4),
    "flip": st.floats(0, 1),
    "rotation": st.floats(0, 180),
    "shift": st.floats(0, 5),
    "zoom": st.floats(0, 0.9),
    "shear": st.floats(0, 45),
    "colour": st.floats(0, 0.9),
    "cutout": st.integers(0, 12),
}
AUGMENTATIONS = st.builds(Augmentation, **STRENGTHS)


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets every random number from 0 to 1 be this one."""

    def fix(number: float) -> None:
        monkeypatch.setattr(torch, "rand", lambda *shape: torch.full(shape, number))

    return fix


@given(AUGMENTATIONS, st.integers(1, 6), st.integers(4, 9), st.integers(4, 9), st.integers(0, 99))
@settings(max_examples=60)
def test_any_augmentation_keeps_what_images_are(
    how: Augmentation, n: int, height: int, width: int, seed: int
) -> None:
    torch.manual_seed(seed)
    images = torch.randn(n, 3, height, width)
    before = images.clone()
    torch.manual_seed(seed)
    changed = augmented(images, how, BACKGROUND)
    assert changed.shape == images.shape
    assert changed.dtype == images.dtype
    assert changed.isfinite().all()
    assert torch.equal(images, before)
    torch.manual_seed(seed)
    assert torch.equal(augmented(images, how, BACKGROUND), changed)

    # No channel shows anything but what was in the image, or the background.
    if how.colour == 0:
        for ends, end in ((torch.minimum, Tensor.amin), (torch.maximum, Tensor.amax)):
            limit = ends(end(images, (2, 3), keepdim=True), BACKGROUND)
            assert torch.allclose(ends(changed, limit), limit, atol=1e-5)
        empty = BACKGROUND.expand(n, 3, height, width)
        assert torch.allclose(augmented(empty, how, BACKGROUND), empty, atol=1e-6)


@pytest.mark.parametrize("name", STRENGTHS)
def test_every_image_is_changed_in_its_own_way(name: str) -> None:
    torch.manual_seed(0)
    images = torch.randn(1, 3, 12, 12).expand(64, -1, -1, -1)
    assert torch.equal(augmented(images, Augmentation(), BACKGROUND), images)
    strength = {"flip": 0.5, "zoom": 0.3, "colour": 0.3}.get(name, 3)
    changed = augmented(images, dataclasses.replace(Augmentation(), **{name: strength}), BACKGROUND)
    ways = len(changed.unique(dim=0))
    assert ways == 2 if name == "flip" else ways > 20


@pytest.mark.parametrize("flip", [0.0, 0.25, 1.0])
def test_a_flip_mirrors_its_share_of_the_images(flip: float) -> None:
    torch.manual_seed(0)
    images = torch.randn(400, 3, 4, 5)
    changed = augmented(images, Augmentation(flip=flip), BACKGROUND)
    mirrored = ((changed - images.flip(-1)).abs() < 1e-5).flatten(1).all(dim=1)
    same = ((changed - images).abs() < 1e-5).flatten(1).all(dim=1)
    assert (mirrored ^ same).all()
    assert mirrored.double().mean().item() == pytest.approx(flip, abs=0.06)


@pytest.mark.parametrize("padding", [1, 2, 7])
def test_a_crop_is_a_window_of_the_padded_image(padding: int) -> None:
    torch.manual_seed(0)
    image = torch.arange(1.0, 3 * 6 * 5 + 1).reshape(3, 6, 5)  # no two pixels alike
    padded = torch.nn.functional.pad(image - BACKGROUND, [padding] * 4) + BACKGROUND
    windows = padded.unfold(1, 6, 1).unfold(2, 5, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)
    changed = augmented(
        image.expand(600, -1, -1, -1), Augmentation(crop_padding=padding), BACKGROUND
    )
    seen = torch.cdist(changed.flatten(1), windows.flatten(1)) < 1e-3
    assert seen.any(dim=1).all()
    # All of them come up; those of a large padding more often than not.
    assert seen.any(dim=0).double().mean() > 0.8


@pytest.mark.parametrize("pixels", [1, 2, 3])
def test_a_shift_is_of_exactly_so_many_pixels(draw: Callable[[float], None], pixels: int) -> None:
    draw(1.0)
    images = torch.randn(2, 3, 8, 6)
    changed = augmented(images, Augmentation(shift=pixels), BACKGROUND)
    assert torch.allclose(
        changed[:, :, :-pixels, :-pixels], images[:, :, pixels:, pixels:], atol=1e-4
    )
    for uncovered in (changed[:, :, -pixels:], changed[:, :, :, -pixels:]):
        assert torch.allclose(uncovered, BACKGROUND.expand_as(uncovered), atol=1e-4)


@pytest.mark.parametrize(("number", "turns"), [(1.0, 1), (0.0, -1)])
def test_a_rotation_is_of_so_many_degrees(
    draw: Callable[[float], None], number: float, turns: int
) -> None:
    draw(number)
    images = torch.randn(2, 3, 7, 7)
    changed = augmented(images, Augmentation(rotation=90), BACKGROUND)
    assert torch.allclose(changed, images.rot90(turns, (2, 3)), atol=1e-4)


def test_zoom_shows_less_or_more_of_the_image(draw: Callable[[float], None]) -> None:
    images = torch.zeros(1, 1, 16, 16)
    images[:, :, 6:10, 6:10] = 1.0
    sizes = []
    for number in (0.0, 0.5, 1.0):
        draw(number)
        sizes.append(augmented(images, Augmentation(zoom=0.5), torch.zeros(1, 1, 1)).sum().item())
    assert sizes == pytest.approx([16 / 0.5**2, 16, 16 / 1.5**2], rel=0.15)


def test_a_shear_leans_rows_and_keeps_them_rows(draw: Callable[[float], None]) -> None:
    draw(1.0)
    images = torch.zeros(1, 1, 9, 9)
    images[..., 4] = 1.0
    changed = augmented(images, Augmentation(shear=45), torch.zeros(1, 1, 1))
    assert torch.allclose(changed[0, 0], torch.eye(9).flip(0), atol=1e-4)


def test_colours_change_and_grey_stays_grey() -> None:
    torch.manual_seed(0)
    grey = torch.randn(32, 1, 5, 5).expand(-1, 3, -1, -1)
    how = Augmentation(colour=0.4)
    changed = augmented(grey, how, torch.zeros(3, 1, 1))
    assert torch.allclose(changed, changed[:, :1].expand_as(changed), atol=1e-5)
    means = changed.mean(dim=(1, 2, 3)) - grey.mean(dim=(1, 2, 3))
    contrasts = changed.std(dim=(1, 2, 3)) / grey.std(dim=(1, 2, 3))
    assert means.abs().max() < 0.4 + 1e-5
    assert (contrasts - 1).abs().max() < 0.4 + 1e-4
    assert means.abs().max() > 0.3
    assert (contrasts - 1).abs().max() > 0.3


@pytest.mark.parametrize("side", [1, 4, 5])
def test_cutout_is_a_square_that_may_hang_over_the_edge(side: int) -> None:
    torch.manual_seed(0)
    images = BACKGROUND + 1 + torch.rand(500, 3, 10, 8)
    hidden = augmented(images, Augmentation(cutout=side), BACKGROUND) == BACKGROUND
    assert torch.equal(hidden.any(dim=1), hidden.all(dim=1))
    heights, widths = (hidden[:, 0].any(dim=dim).sum(dim=1) for dim in (2, 1))
    assert torch.equal(hidden[:, 0].sum(dim=(1, 2)), heights * widths)
    assert {heights.max().item(), widths.max().item()} == {side}
    assert min(heights.min(), widths.min()) == (side + 1) // 2
    assert hidden[:, 0].any(dim=0).all()


@given(st.floats(0.05, 5), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=30)
def test_mixup_blends_labels_as_it_blends_images(alpha: float, n: int, seed: int) -> None:
    torch.manual_seed(seed)
    labels = torch.randint(5, (n,))
    images = labels[:, None, None, None].float().expand(-1, 3, 4, 4)  # of class 3: all 3
    blended, shares = mixed(images, labels, alpha, classes=5)
    assert shares.shape == (n, 5)
    assert torch.allclose(shares.sum(dim=1), torch.ones(n))
    assert (shares >= 0).all()
    expected = (shares * torch.arange(5)).sum(dim=1)
    assert torch.allclose(blended, expected[:, None, None, None].expand_as(blended), atol=1e-5)
