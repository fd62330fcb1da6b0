from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tune_jobs.models import data
from tune_jobs.models.data import sources

SPLITS: tuple[data.Split, ...] = ("train", "validation", "test")
COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}
SIDE = sources.IMAGE_SIDE


@pytest.fixture(autouse=True)
def _data_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNE_JOBS_DATA", str(tmp_path / "data"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten images of each colour, none of the size of another, some in a folder further down."""
    for colour, rgb in COLOURS.items():
        for number in range(10):
            folder = tmp_path / "my.photos" / colour / ("more" if number > 7 else "")
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40 + 9 * number, 130 - 7 * number), rgb).save(
                folder / f"{number}.png"
            )
    return tmp_path / "my.photos"


def test_a_folder_of_images_is_a_data_set(photos: Path) -> None:
    sizes = {}
    for split in SPLITS:
        x, y = data.load(str(photos), split)
        sizes[split] = len(y)
        assert x.shape[1:] == (3, SIDE, SIDE)
        assert (x.dtype, y.dtype) == (np.uint8, np.int64)
        # Classes are the folders by name, channels red, green, blue.
        for image, label in zip(x, y, strict=True):
            colour = list(COLOURS.values())[label]
            assert (image == np.array(colour)[:, None, None]).all()
        assert len(set(np.bincount(y, minlength=3))) <= 2  # spread evenly
    assert sizes == {"train": 19, "validation": 5, "test": 6}


def test_rows_of_pixels_stay_rows(photos: Path) -> None:
    for path in photos.glob("red/**/*.png"):
        image = Image.new("RGB", (50, 60), COLOURS["blue"])
        image.paste(COLOURS["red"], (0, 0, 50, 30))  # the upper half
        image.save(path)
    x, y = data.load(str(photos), "train")
    for image in x[y == 2]:
        assert (image[0, : SIDE // 2 - 4] == 255).all()
        assert (image[0, SIDE // 2 + 4 :] == 0).all()


@pytest.mark.parametrize("place", ["red/0.png", "red/more/9.png", "red/more/new.png"])
def test_a_folder_that_changed_is_prepared_anew(photos: Path, place: str) -> None:
    before = data.load(str(photos), "train")
    assert np.array_equal(data.load(f"{photos}/../{photos.name}/", "train").x, before.x)
    prepared = (photos.parent / "data" / "prepared").iterdir()
    assert sum(path.is_dir() for path in prepared) == 1
    Image.new("RGB", (10, 10), (1, 2, 3)).save(photos / place)
    images = np.concatenate([data.load(str(photos), split).x for split in SPLITS])
    assert (images == np.array([1, 2, 3])[:, None, None]).all(axis=(1, 2, 3)).sum() == 1


def test_grey_and_transparent_images_become_coloured_ones(photos: Path) -> None:
    for mode, colour in (("L", 255), ("RGBA", (255, 255, 255, 255)), ("1", 1)):
        Image.new(mode, (20, 20), colour).save(photos / "red" / f"{mode}.png")
    images = np.concatenate([data.load(str(photos), split).x for split in SPLITS])
    assert (images == 255).all(axis=(1, 2, 3)).sum() == 3


@pytest.mark.parametrize("trouble", ["no classes", "an empty class", "few", "damaged"])
def test_a_folder_that_cannot_be_learned_from_says_why(photos: Path, trouble: str) -> None:
    if trouble == "no classes":
        photos = photos / "red" / "more"
    elif trouble == "an empty class":
        (photos / "yellow").mkdir()
        (photos / "yellow" / "notes.txt").write_text("none yet")
    elif trouble == "few":
        (photos / "yellow").mkdir()
        Image.new("RGB", (9, 9)).save(photos / "yellow" / "one.png")
    else:
        (photos / "red" / "3.png").write_bytes(b"no image")
    named = {"an empty class": "yellow", "damaged": "3.png", "few": "only 1 member"}
    with pytest.raises(data.MissingDataError, match="a folder for each class") as error:
        data.load(str(photos), "train")
    assert str(photos) in str(error.value)
    assert named.get(trouble, "class folder") in str(error.value)


def test_a_name_that_is_no_data_set_is_told_with_those_that_are() -> None:
    with pytest.raises(data.MissingDataError, match=r"'cifra10'.*cifar10.*a folder of images"):
        data.load("cifra10", "train")


def test_cifar10_may_come_from_one_file(tmp_path: Path) -> None:
    root = data.data_folder()
    root.mkdir()
    arrays = {}
    for name, n in (("train", 200), ("test", 30)):
        labels = np.arange(n) % 10
        images = np.zeros((n, 32, 32, 3), np.uint8)
        images[:, 3, 7, 1] = labels  # row 3, column 7, green
        arrays |= {f"x_{name}": images, f"y_{name}": labels.astype(np.uint8)}
    np.savez(root / "cifar10.npz", **arrays)
    sizes = {}
    for split in SPLITS:
        x, y = data.load("cifar10", split)
        sizes[split] = x.shape
        assert y.dtype == np.int64
        assert np.array_equal(x[:, 1, 3, 7], y)
        assert x.sum() == y.sum()
    assert sizes == {
        "train": (180, 3, 32, 32),
        "validation": (20, 3, 32, 32),
        "test": (30, 3, 32, 32),
    }
