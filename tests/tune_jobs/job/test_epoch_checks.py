"""What a model may return, save and load."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import Tiny

from tune_jobs.job import epoch_checks as checks
from tune_jobs.models.base import Model, TrainingError


@pytest.mark.parametrize(
    "value",
    [
        *(0.5, np.float32(0.5), np.array(0.5), np.array([0.5]), Fraction(1, 2), Decimal("0.5")),
        *(torch.tensor([0.5]), torch.tensor(0.5, requires_grad=True)),
    ],
)
@pytest.mark.filterwarnings("error")
def test_numbers_of_any_library_are_numbers(value: Any) -> None:
    (number,) = checks.numbers("evaluate()", {"loss": value}).values()
    assert type(number) is float
    assert number == 0.5


@given(st.dictionaries(st.text(), st.floats()))
def test_plain_numbers_stay_as_they_are(metrics: dict[str, float]) -> None:
    found = checks.numbers("evaluate()", metrics)
    assert found.keys() == metrics.keys()
    for name, value in found.items():
        assert value == metrics[name] or (math.isnan(value) and math.isnan(metrics[name]))


@pytest.mark.parametrize(
    "value",
    [None, "0.5", b"1", [0.5], 1j, {}, np.zeros(2), torch.zeros(2), object(), "x" * 999, 10**400],
)
def test_whatever_is_no_number_is_told_with_its_name(value: Any) -> None:
    with pytest.raises(
        TrainingError, match=r"metric 'loss' is .*; a metric must be a number"
    ) as error:
        checks.numbers("evaluate()", {"loss": value})
    assert repr(value)[:50] in str(error.value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("value", [0.5, 0, -3, math.nan, math.inf])
def test_steps_are_whole_numbers(value: float) -> None:
    assert checks.steps("steps", {"steps": 5000.0}) == 5000
    with pytest.raises(TrainingError, match=f"'steps' is {float(value)}; it must be a whole"):
        checks.steps("steps", {"steps": float(value)})
    with pytest.raises(TrainingError, match="did you mean 'step'"):
        checks.steps("steps", {"step": 3.0})


@pytest.mark.parametrize("returned", [None, 0.5, [("loss", 0.5)], {"loss"}])
def test_what_is_no_dict_is_told_with_the_method_that_returned_it(returned: Any) -> None:
    with pytest.raises(TrainingError, match=r"^train_epoch\(\) returned .*dict of numbers"):
        checks.numbers("train_epoch()", returned)


def test_a_name_that_is_no_text_is_told() -> None:
    with pytest.raises(TrainingError, match=r"evaluate\(\) returned a metric named 3"):
        checks.numbers("evaluate()", {3: 0.5})


@pytest.mark.parametrize(
    "reported", ["val_los", "val_lsos", "valloss", "Val_Loss", "val-loss", "val_losss", "vall_oss"]
)
def test_another_spelling_is_recognised(reported: str) -> None:
    assert checks.is_misspelt(["val_loss"], ["seconds", reported])


@pytest.mark.parametrize(
    ("metric", "reported"),
    [
        ("val_loss", "train_loss"),
        ("loss", "train_loss"),
        ("val_perplexity", "train_perplexity"),
        ("val_auc", "val_acc"),
        ("top_5", "top_1"),
        ("f1", "loss"),
        ("loss", ""),
    ],
)
def test_another_metric_is_no_other_spelling(metric: str, reported: str) -> None:
    """It may be measured every epoch, and the job's metric now and then."""
    assert not checks.is_misspelt([metric], [reported])


class Elsewhere(Tiny):
    """Saves to a place of its own."""

    where = Path("/nowhere/weights")

    def save(self, folder: Path) -> None:
        self.where.write_text("")


class Full(Tiny):
    def save(self, folder: Path) -> None:
        raise OSError(28, "No space left on device")


class NoRoom(Tiny):
    def load(self, folder: Path) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_file_elsewhere_is_the_models_own_trouble(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"(?s)in save.*FileNotFoundError.*nowhere"):
        checks.save(Elsewhere(Tiny.Config()), tmp_path)


def test_a_full_disk_is_the_storages(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        checks.save(Full(Tiny.Config()), tmp_path)


class Unpicklable(Tiny):
    save, load = Model.save, Model.load

    def state_dict(self) -> dict[str, Any]:
        return {"rate": lambda: 0.1}


def test_what_a_model_cannot_save_is_told_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"(?s)cannot save its state\. .*Path.*lambda"):
        checks.save(Unpicklable(Tiny.Config()), tmp_path)


def test_what_a_model_cannot_load_is_told_with_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"epoch": 1}))
    with pytest.raises(TrainingError, match=r"(?s)cannot load the state.*KeyError") as error:
        checks.load(Tiny(Tiny.Config()), tmp_path)
    assert "in load_state_dict" in str(error.value)
    assert "epoch_checks.py" not in str(error.value)


def test_where_a_gpu_has_no_room_it_is_not_the_models_fault(tmp_path: Path) -> None:
    with pytest.raises(MemoryError, match="CUDA out of memory"):
        checks.load(NoRoom(Tiny.Config()), tmp_path)
