"""The contract of every model in the registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
import torch

from models import MODELS, data
from models.base import Model
from models.classifier import Classifier
from models.data import Arrays


@pytest.fixture(autouse=True)
def _one_thread_and_strict() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(before)


@pytest.fixture(params=sorted(MODELS))
def model_class(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Model]:
    cls: type[Model] = resolve_name(MODELS[request.param])
    if issubclass(cls, Classifier) and cls.dataset != "digits":
        monkeypatch.setattr(data, "load", small_images(28))
    return cls


def small_images(size: int) -> Any:
    """Ten classes that a bright column tells apart: a problem every image model can learn."""

    def load(name: str, split: data.Split) -> Arrays:
        rng = np.random.default_rng({"train": 0, "validation": 1, "test": 2}[split])
        y = rng.integers(10, size=600)
        x = rng.integers(80, size=(600, 1, size, size), dtype=np.uint8)
        x[np.arange(600), 0, :, y * 2] = 250
        return Arrays(x, y)

    return load


def test_an_epoch_of_training_helps(model_class: type[Model]) -> None:
    model = model_class(model_class.Config())
    before = model.evaluate()
    for _ in range(3):
        training = model.train_epoch()
    after = model.evaluate()
    assert training["train_loss"] > 0
    assert after["val_loss"] < before["val_loss"]
    assert after["val_accuracy"] > before["val_accuracy"] + 0.2
    assert set(model.test()) == {"test_loss", "test_accuracy"}


def test_resumed_training_equals_uninterrupted_training_bit_for_bit(
    model_class: type[Model], tmp_path: Path
) -> None:
    config = model_class.Config()
    whole = model_class(config)
    metrics = [{**whole.train_epoch(), **whole.evaluate()} for _ in range(3)]

    first = model_class(config)
    first.train_epoch()
    first.save(tmp_path)
    torch.rand(7)  # whatever else happens in the process
    second = model_class(config)
    second.load(tmp_path)
    resumed = [{**second.train_epoch(), **second.evaluate()} for _ in range(2)]

    assert resumed == metrics[1:]
    assert same(second.state_dict(), whole.state_dict())


def test_a_config_determines_the_training_and_its_seed_changes_it(model_class: type[Model]) -> None:
    config = model_class.Config()
    assert first_epoch(model_class, config) == first_epoch(model_class, config)
    other = dataclasses.replace(config, seed=1)
    assert first_epoch(model_class, other) != first_epoch(model_class, config)


def test_training_leaves_the_random_numbers_of_others_alone(model_class: type[Model]) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first_epoch(model_class, model_class.Config())
    assert torch.equal(torch.rand(4), expected)


def test_the_test_data_are_read_by_test_alone(
    model_class: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    load = data.load

    def watched(name: str, split: data.Split) -> Arrays:
        read.append(split)
        return load(name, split)

    monkeypatch.setattr(data, "load", watched)
    model = model_class(model_class.Config())
    model.train_epoch()
    model.evaluate()
    assert "test" not in read
    model.test()
    assert read[-1] == "test"


def test_reconfigure_puts_new_hyperparameters_in_force(
    model_class: type[Model], tmp_path: Path
) -> None:
    donor = model_class(model_class.Config(learning_rate=1e-3))
    donor.train_epoch()
    donor.save(tmp_path)
    frozen = model_class.Config(learning_rate=1e-30)
    clone = model_class(frozen)
    clone.load(tmp_path)
    clone.reconfigure(frozen)
    assert clone.evaluate() == donor.evaluate()
    before = {name: value.clone() for name, value in parameters(clone)}
    clone.train_epoch()
    assert all(torch.equal(value, before[name]) for name, value in parameters(clone))


@pytest.mark.parametrize("nonsense", [{"learning_rate": 0}, {"batch_size": -1}, {"lr": 0.1}])
def test_a_config_rejects_nonsense(model_class: type[Model], nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(nonsense))):
        model_class.Config(**nonsense)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_every_optimizer_trains(model_class: type[Model], optimizer: str) -> None:
    config = model_class.Config(optimizer=optimizer, learning_rate=1e-2)
    model = model_class(config)
    losses = [model.train_epoch()["train_loss"] for _ in range(2)]
    assert losses[1] < losses[0]


def first_epoch(model_class: type[Model], config: Any) -> dict[str, float]:
    model = model_class(config)
    return {**model.train_epoch(), **model.evaluate()}


def parameters(model: Any) -> Any:
    return model.network.named_parameters()


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
