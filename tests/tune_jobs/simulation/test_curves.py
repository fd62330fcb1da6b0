"""Learning curves for simulations: recorded ones and made-up ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import spaces

from tune_jobs.errors import UserError
from tune_jobs.experiment.objective import Objective
from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.search_algos.space import Space
from tune_jobs.simulation.curves import ClosedForm, Recorded

SPACE = Space({"rate": Float(1e-4, 1, log=True), "units": Int(1, 100), "kind": Choice(["a", "b"])})
ACCURACY = Objective.of("accuracy", "max")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "curves.npz"
    np.savez(
        path,
        tasks=["easy", "hard"],
        configs=[[1e-4, 1, 0], [1e-1, 50, 1], [1.0, 100, 0]],
        accuracy=[[[0.1, 0.2], [0.5, 0.9], [0.3, 0.3]], [[0.1, 0.1], [0.2, 0.3], [0.3, 0.4]]],
        time=[[[1, 2], [3, 5], [1, 1]], [[1, 2], [3, 5], [1, 2]]],
    )
    return path


def test_a_config_has_the_curve_of_its_nearest_neighbour(file: Path) -> None:
    curves = Recorded.read(f"{file}:easy", SPACE, ACCURACY)
    assert curves.optimum == 0.9
    near_the_second = {"rate": 0.05, "units": 60, "kind": "b"}
    assert curves(near_the_second, 1) == ({"accuracy": 0.5}, 3.0)
    assert curves(near_the_second, 2) == ({"accuracy": 0.9}, 2.0)


def test_an_epoch_always_takes_time(file: Path) -> None:
    curves = Recorded.read(f"{file}:easy", SPACE, ACCURACY)
    assert curves({"rate": 1.0, "units": 100, "kind": "a"}, 2).seconds > 0


@pytest.mark.parametrize(
    ("place", "space", "metric", "words"),
    [
        ("nowhere.npz", SPACE, "accuracy", "curves 'nowhere.npz' cannot be read as an .npz file"),
        ("{file}", SPACE, "accuracy", "one of easy, hard"),
        ("{file}:eazy", SPACE, "accuracy", "have no task 'eazy'"),
        ("{file}:easy", SPACE, "accurcy", "no array 'accurcy'; did you mean 'accuracy'?"),
        (
            "{file}:easy",
            Space({"x": Float(0, 1)}),
            "accuracy",
            "shape (3, 3), the space has 1 parameters: x",
        ),
    ],
)
def test_files_that_do_not_fit_are_named(
    file: Path, place: str, space: Space, metric: str, words: str
) -> None:
    with pytest.raises(UserError) as error:
        Recorded.read(place.format(file=file), space, Objective.of(metric, "max"))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"configs": [1.0, 2.0]}, "configs of shape (2,)"),
        ({"time": [[1.0], [2.0], [3.0]]}, "both must be (3, epochs)"),
        ({"accuracy": [0.1, 0.2, 0.3]}, "both must be (3, epochs)"),
        ({"accuracy": [["a", "b"]] * 3}, "do not fit the space"),
        ({"accuracy": [[0.1, np.nan]] * 3}, "not finite numbers"),
        ({"configs": [[0.1, 1, 7]] * 3}, "do not fit the space"),
    ],
)
def test_arrays_that_make_no_sense_are_named(
    tmp_path: Path, arrays: dict[str, object], words: str
) -> None:
    whole = {
        "configs": [[0.1, 1, 0]] * 3,
        "accuracy": [[0.1, 0.2]] * 3,
        "time": [[1.0, 2.0]] * 3,
        **arrays,
    }
    np.savez(tmp_path / "odd.npz", **whole)
    with pytest.raises(UserError) as error:
        Recorded.read(str(tmp_path / "odd.npz"), SPACE, ACCURACY)
    assert words in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no arrays", b"PK\x03\x04cut"])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"cannot be read as an \.npz file of arrays"):
        Recorded.read(str(tmp_path / "odd.npz"), SPACE, ACCURACY)


def test_more_epochs_than_were_recorded_are_refused(file: Path) -> None:
    curves = Recorded.read(f"{file}:easy", SPACE, ACCURACY)
    curves.check_epochs(2)
    with pytest.raises(UserError, match="max_epochs is 3; the curves have 2 epochs"):
        curves.check_epochs(3)


@settings(max_examples=50)
@given(space=spaces(), seed=st.integers(0, 99), maximise=st.booleans())
def test_no_config_beats_the_known_optimum(space: Space, seed: int, maximise: bool) -> None:
    objective = Objective.of("score", "max" if maximise else "min")
    curves = ClosedForm(space, objective, 9, seed)
    optimum = objective.loss({"score": curves.optimum})
    rng = np.random.default_rng(seed)
    for _ in range(20):
        config = space.sample(rng)
        losses = [objective.loss(curves(config, epoch).metrics) for epoch in range(1, 10)]
        assert min(losses) >= optimum
        assert losses == sorted(losses, reverse=True), "every epoch helps"
        assert curves(config, 1).seconds > 0
    best = space.decode(curves._bests[0][1])
    assert objective.loss(curves(best, 9).metrics) == pytest.approx(optimum)
