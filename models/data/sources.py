"""Where the data sets come from, and how they are split.

A new data set is a function here and a line in the table at the end.
"""

from __future__ import annotations

import hashlib
import platform
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tune_jobs.models.data.arrays import Arrays, MissingDataError, Split, data_folder

IMAGE_SIDE = 96  # pixels to which images of a folder are scaled
TEXT_LENGTH = 128  # characters of one example


class Source(NamedTuple):
    key: str  # names the prepared data; changes with their contents
    read: Callable[[], dict[Split, Arrays]]


def source_of(name: str) -> Source:
    """A data set of the table or a folder of images. Raises MissingDataError otherwise."""
    if name in _SOURCES:
        return _SOURCES[name]()
    folder = Path(name)
    if not folder.is_dir():
        raise MissingDataError(
            f"data set {name!r} is unknown; there are {', '.join(_SOURCES)}, or give the path of a "
            "folder with a folder of images for each class"
        )
    return _image_folder(folder.resolve())


def _digits() -> dict[Split, Arrays]:
    """scikit-learn's 1,797 handwritten digits, 8x8, pixels 0..16: 50 % / 25 % / 25 %, since a
    choice among good models on fewer is a matter of luck."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x, y = images.reshape(-1, 1, 8, 8).astype(np.uint8), labels.astype(np.int64)
    return _split(x, y, validation=449, test=450)


def _diabetes() -> dict[Split, Arrays]:
    """scikit-learn's 442 patients, 10 features, progression after a year: 64 % / 16 % / 20 %."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return _split(x.astype(np.float32), y.astype(np.float32))


def _california() -> dict[Split, Arrays]:
    """20,640 districts of 1990, 8 features, median value in 100,000 $: 64 % / 16 % / 20 %."""
    from sklearn.datasets import fetch_california_housing

    root = data_folder()
    try:
        x, y = fetch_california_housing(data_home=str(root), return_X_y=True)
    except OSError as error:
        raise MissingDataError(
            f"California housing is not in {root} and could not be downloaded ({error}). Put "
            f"scikit-learn's cal_housing_py3.pkz into {root}"
        ) from error
    return _split(x.astype(np.float32), y.astype(np.float32))


def _mnist(name: str) -> dict[Split, Arrays]:
    """MNIST or Fashion-MNIST, 28x28, pixels 0..255: 54,000 / 6,000 of its training set, and its
    test set."""
    from torchvision import datasets

    kind = getattr(datasets, name)
    root = data_folder()
    try:
        sets = [kind(str(root), train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:
        files = "".join(f"\n  {name}" for name, _ in kind.resources)
        raise MissingDataError(
            f"{name} is not in {root} and could not be downloaded ({error}). Put these files "
            f"into {root / name / 'raw'}, or set TUNE_JOBS_DATA to a folder that has them "
            f"in {name}/raw:{files}"
        ) from error
    train, test = (Arrays(s.data.numpy()[:, None], s.targets.numpy()) for s in sets)
    return _with_validation(train, test, 6000)


def _cifar10() -> Source:
    """CIFAR-10, 3x32x32, pixels 0..255: a tenth of its training set is for validation. A file
    cifar10.npz, if there is one, is used instead, even if it holds only a part."""
    file = data_folder() / "cifar10.npz"
    if file.is_file():
        return Source(f"cifar10-{file.stat().st_mtime_ns}", partial(_parts_of_cifar10, file))
    return Source("cifar10-v1", _whole_cifar10)


def _parts_of_cifar10(path: Path) -> dict[Split, Arrays]:
    with np.load(path) as file:
        return _cifar10_splits(*(Arrays(file[f"x_{s}"], file[f"y_{s}"]) for s in ("train", "test")))


def _whole_cifar10() -> dict[Split, Arrays]:
    from torchvision.datasets import CIFAR10

    root = data_folder()
    try:
        sets = [CIFAR10(str(root), train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:
        raise MissingDataError(
            f"CIFAR-10 is not in {root} and could not be downloaded ({error}). Put "
            f"{CIFAR10.filename} into {root}, or a file cifar10.npz with x_train and x_test "
            "(n, 32, 32, 3) uint8, y_train and y_test (n,)"
        ) from error
    return _cifar10_splits(*(Arrays(s.data, np.array(s.targets)) for s in sets))


def _cifar10_splits(train: Arrays, test: Arrays) -> dict[Split, Arrays]:
    train, test = (Arrays(s.x.transpose(0, 3, 1, 2), s.y.astype(np.int64)) for s in (train, test))
    return _with_validation(train, test, len(train.y) // 10)


def _python_source() -> Source:
    """The modules of Python's standard library: 90 % / 5 % / 5 % of the files. An example is 128
    characters; its labels are the characters that follow them. Other than ASCII is skipped."""
    return Source(f"python_source-{platform.python_version()}", _read_modules)


def _read_modules() -> dict[Split, Arrays]:
    texts: dict[Split, list[bytes]] = {"train": [], "validation": [], "test": []}
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="ignore")
        place = hashlib.sha256(path.name.encode()).digest()[0] / 256
        split: Split = "train" if place < 0.9 else "validation" if place < 0.95 else "test"
        texts[split].append(text.encode("ascii", errors="ignore"))
    return {split: _windows(b"".join(parts)) for split, parts in texts.items()}


def _windows(text: bytes) -> Arrays:
    n = (len(text) - 1) // TEXT_LENGTH
    characters = np.frombuffer(text, np.uint8)
    x, y = (characters[i : i + n * TEXT_LENGTH].reshape(n, TEXT_LENGTH) for i in (0, 1))
    return Arrays(x, y)


def _image_folder(folder: Path) -> Source:
    """Images in a folder for each class, 96x96: 64 % / 16 % / 20 %."""
    paths = sorted(path for path in folder.glob("*/**/*") if path.is_file())
    stamps = [(str(path), path.stat().st_mtime_ns) for path in paths]
    digest = hashlib.sha256(repr((IMAGE_SIDE, stamps)).encode()).hexdigest()[:12]
    return Source(f"{folder.name}-{digest}", partial(_read_images, folder))


def _read_images(folder: Path) -> dict[Split, Arrays]:
    from torchvision.datasets import ImageFolder

    try:
        found = ImageFolder(str(folder))
        x = np.stack([_read_image(path) for path, _ in found.samples])
        return _split(x, np.array(found.targets))
    except (OSError, ValueError) as error:  # no classes, no image, or too few to split
        raise MissingDataError(
            f"{folder} is not a folder of images ({error}); it needs a folder for each "
            "class, with seven images or more in each"
        ) from error


def _read_image(path: str) -> NDArray[np.uint8]:
    """Shape (3, 96, 96)."""
    from PIL import Image
    from torchvision.datasets.folder import default_loader

    image = default_loader(path).resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BICUBIC)
    pixels: NDArray[np.uint8] = np.asarray(image).transpose(2, 0, 1)
    return pixels


def _split(
    x: NDArray[Any], y: NDArray[Any], validation: float = 0.2, test: float = 0.2
) -> dict[Split, Arrays]:
    """A part of all to test on and a part of the rest to validate on, or so many; classes spread
    evenly. By default 64 % / 16 % / 20 %."""
    from sklearn.model_selection import train_test_split

    def part(rows: NDArray[Any], size: float) -> list[NDArray[Any]]:
        classes = y[rows] if y.dtype.kind in "iu" else None
        found: list[NDArray[Any]] = train_test_split(
            rows, test_size=size, random_state=0, stratify=classes
        )
        return found

    rest, held_out = part(np.arange(len(y)), test)
    to_train, to_validate = part(rest, validation)
    return {
        "train": Arrays(x[to_train], y[to_train]),
        "validation": Arrays(x[to_validate], y[to_validate]),
        "test": Arrays(x[held_out], y[held_out]),
    }


def _with_validation(train: Arrays, test: Arrays, size: int) -> dict[Split, Arrays]:
    """``size`` examples of the training set become the validation set."""
    order = np.random.default_rng(0).permutation(len(train.y))
    rows, held_out = np.sort(order[size:]), np.sort(order[:size])
    return {
        "train": Arrays(train.x[rows], train.y[rows]),
        "validation": Arrays(train.x[held_out], train.y[held_out]),
        "test": test,
    }


_SOURCES: dict[str, Callable[[], Source]] = {
    "california": partial(Source, "california-v1", _california),
    "cifar10": _cifar10,
    "diabetes": partial(Source, "diabetes-v1", _diabetes),
    "digits": partial(Source, "digits-v2", _digits),
    "fashion_mnist": partial(Source, "fashion_mnist-v1", partial(_mnist, "FashionMNIST")),
    "mnist": partial(Source, "mnist-v1", partial(_mnist, "MNIST")),
    "python_source": _python_source,
}
