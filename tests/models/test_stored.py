"""States in files: what can be read, and that no code of a file runs."""

from __future__ import annotations

import pickle
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tune_jobs.models.functions.state import State
from tune_jobs.models.stored import read_state, write_state

ARRAYS = [
    *(np.arange(6).astype(kind).reshape(2, 3) for kind in ("?", "i1", "u8", "f2", "f4", "c16")),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array(["ab", "c"]),
    np.array([b"ab"]),
    np.array(["2024-01-01"], dtype="M8[D]"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: array.dtype.str)
def test_arrays_and_scalars_come_back(array: np.ndarray[Any, Any], tmp_path: Path) -> None:
    state = State()
    state.take({"array": array, "one": array.ravel()[0], "w": torch.ones(2), "n": [1]}, 3)
    rest = state.save(tmp_path)
    again = State()
    again.load(tmp_path, rest)
    np.testing.assert_array_equal(again.value["array"], array)
    assert again.value["array"].dtype == array.dtype
    assert again.value["one"] == array.ravel()[0]
    assert type(again.value["one"]) is type(array.ravel()[0])
    assert torch.equal(again.value["w"], torch.ones(2))


@pytest.mark.parametrize("room", [0, 1000, 100_000])
def test_where_there_is_no_room_it_is_an_error_of_the_file(tmp_path: Path, room: int) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write_state({"w": torch.zeros(100_000), "n": 3}, tmp_path / "state.pt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Bad:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


def test_code_in_a_file_is_refused_also_in_an_array(tmp_path: Path) -> None:
    for value in (Bad(tmp_path / "ran"), np.array([Bad(tmp_path / "ran")])):
        torch.save(value, tmp_path / "state.pt")
        with pytest.raises(pickle.UnpicklingError):
            read_state(tmp_path / "state.pt")
        assert not (tmp_path / "ran").exists()
