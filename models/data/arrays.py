"""The form of a prepared data set, and the folder for data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray
from platformdirs import user_cache_dir

Split = Literal["train", "validation", "test"]


class Arrays(NamedTuple):
    """Inputs (n, ...) and labels (n, ...) of one split; pages are read from disk when touched."""

    x: NDArray[Any]
    y: NDArray[Any]


class Fold(NamedTuple):
    """One of ``of`` parts of the training and validation data, from 0. It is for validation, the
    other parts are for training. With ``of`` = 1 all data are for training, as for a last fit."""

    number: int
    of: int


class MissingDataError(Exception):
    """A data set is not here and cannot be downloaded; the message says which files to put
    where."""


def data_folder() -> Path:
    return Path(os.environ.get("TUNE_JOBS_DATA") or user_cache_dir("tune-jobs"))
