"""The contract of every model in the registry."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

import numpy as np
import pytest
import small_problems
import torch

from tune_jobs.models import MODELS, data
from tune_jobs.models.base import Model
from tune_jobs.models.data import Arrays, Fold
from tune_jobs.models.training.cross_validation import CrossValidation
from tune_jobs.models.training.supervised import Supervised


class Case(NamedTuple):
    model: type[Model]
    config: Any


@pytest.fixture(params=sorted(MODELS))
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A model with a config that it learns with in a second."""
    monkeypatch.setattr(data, "load", small_problems.load)
    model: type[Model] = resolve_name(MODELS[request.param])
    return Case(model, model.Config(**small_problems.CONFIGS.get(request.param, {})))


def changed(config: Any, **changes: Any) -> Any:
    """As dataclasses.replace, for a Config that takes any name too."""
    return type(config)(**{**vars(config), **changes})


def test_training_helps_and_a_config_determines_it(case: Case) -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    expected = [torch.rand(4).tolist(), np.random.rand(4).tolist()]
    torch.manual_seed(3)
    np.random.seed(3)
    model = case.model(case.config)
    first = epoch(model)
    for _ in range(3):
        last = epoch(model)
    assert value(last) < value(first)
    measures = {name.removeprefix("val_") for name in last if name.startswith("val_")}
    assert {name.removeprefix("test_") for name in model.test()} == measures
    assert epoch(case.model(case.config)) == first
    other = changed(case.config, seed=1)
    assert epoch(case.model(other)) != first
    # And the random numbers of others were left alone.
    assert [torch.rand(4).tolist(), np.random.rand(4).tolist()] == expected


def test_resumed_training_equals_uninterrupted_training_bit_for_bit(
    case: Case, tmp_path: Path
) -> None:
    whole = case.model(case.config)
    metrics = [epoch(whole) for _ in range(3)]

    first = case.model(case.config)
    epoch(first)
    first.save(tmp_path)
    torch.rand(7)  # whatever else happens in the process
    second = case.model(case.config)
    second.load(tmp_path)
    assert second.evaluate().items() <= metrics[0].items()
    assert [epoch(second) for _ in range(2)] == metrics[1:]
    assert same(second.state_dict(), whole.state_dict())
    assert second.test() == whole.test()


def test_the_test_data_are_read_by_test_alone(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    load = data.load

    def watched(name: str, split: data.Split, fold: Fold | None = None) -> Arrays:
        read.append(split)
        return load(name, split, fold)

    monkeypatch.setattr(data, "load", watched)
    model = case.model(case.config)
    epoch(model)
    assert "test" not in read
    model.test()
    assert "test" in read or not read  # a program has data of its own


def test_reconfigure_puts_new_hyperparameters_in_force(case: Case, tmp_path: Path) -> None:
    donor = case.model(case.config)
    epoch(donor)
    donor.save(tmp_path)
    clone = case.model(case.config)
    clone.load(tmp_path)
    clone.reconfigure(another(case))
    assert clone.evaluate() == donor.evaluate()
    if isinstance(clone, Supervised):  # changed to learn nothing at all
        before = [value.clone() for value in clone.network.parameters()]
        clone.train_epoch()
        assert same(list(clone.network.parameters()), before)
    else:
        assert epoch(clone) != epoch(donor)


def test_a_config_rejects_nonsense(case: Case) -> None:
    for field in dataclasses.fields(case.model.Config):
        for nonsense in (-1, object()):
            with pytest.raises(ValueError, match=field.name):
                changed(case.config, **{field.name: nonsense})


def test_it_can_be_cross_validated(case: Case, tmp_path: Path) -> None:
    alone = case.model(changed(case.config, fold=Fold(1, 2)))
    measured = epoch(alone)
    whole = CrossValidation(case.model, case.config, folds=2, max_epochs=1)
    one, both = (epoch(whole) for _ in range(2))
    assert measured
    for name, value in measured.items():
        assert both[name] == pytest.approx((one[name] + value) / 2)
        assert both[f"{name}_std"] == pytest.approx(abs(one[name] - value) / 2)
        assert both[f"{name}_fold"] == value
    assert whole.test()


def epoch(model: Model) -> dict[str, float]:
    return {**model.train_epoch(), **model.evaluate()}


def value(metrics: dict[str, float]) -> float:
    return metrics["val_loss" if "val_loss" in metrics else "val_distance"]


def another(case: Case) -> Any:
    """The config with something changed that `reconfigure` can change."""
    changes = {"learning_rate": 1e-300, "generator_rate": 1e-300, "min_samples_leaf": 50, "rate": 5}
    free = vars(case.config).keys() - case.model.structural
    name = next(name for name in changes if name in free)
    return changed(case.config, **{name: changes[name]})


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(np.all(a == b))
