"""What the models of scikit-learn promise beyond the contract of every model."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from tune_jobs.models import data
from tune_jobs.models.base import Model
from tune_jobs.models.boosting import Boosting
from tune_jobs.models.forest import Forest
from tune_jobs.models.linear import Linear
from tune_jobs.models.tree import Tree

SKLEARN: tuple[type[Model], ...] = (Boosting, Forest, Linear, Tree)


def test_none_of_them_waits_for_torch() -> None:
    names = ", ".join(cls.__module__ for cls in SKLEARN)
    code = f"import sys, {names}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("cls", SKLEARN)
@pytest.mark.parametrize("dataset", ["diabetes", "digits"])
def test_a_checkpoint_knows_the_configs_that_were_in_force(
    cls: type[Model], dataset: str, tmp_path: Path
) -> None:
    """Also where the config changed on the way, as under PBT; and it is plain JSON."""
    first = cls.Config(dataset=dataset, fold=data.Fold(1, 3))
    later = dataclasses.replace(first, seed=5, **changed(cls))
    model = cls(first)
    trained(model, 2)
    model.reconfigure(later)
    trained(model, 2)
    model.save(tmp_path)
    (file,) = tmp_path.iterdir()
    json.loads(file.read_text())

    other = cls(later)
    other.load(tmp_path)
    assert other.evaluate() == model.evaluate()
    assert trained(other, 1) == trained(model, 1)
    assert other.test() == model.test()


def changed(cls: type[Model]) -> dict[str, Any]:
    return {"learning_rate": 0.01} if cls is Linear else {"max_features": 0.4}


def test_a_block_is_the_forest_of_scikit_learn_and_blocks_add_up_to_one() -> None:
    model = Forest(Forest.Config(dataset="diabetes", trees=4, max_depth=3))
    train, held_out = (data.load("diabetes", split) for split in ("train", "validation"))
    blocks = []
    for epoch in (1, 2):
        model.train_epoch()
        seed = int(np.random.SeedSequence((0, epoch)).generate_state(1)[0])
        forest = RandomForestRegressor(4, max_depth=3, random_state=seed).fit(train.x, train.y)
        blocks.append(forest.predict(held_out.x))
        error = np.square(np.mean(blocks, axis=0) - held_out.y).mean()
        assert model.evaluate()["val_loss"] == pytest.approx(error)


def test_an_epoch_of_two_levels_is_two_epochs_of_one() -> None:
    deep, level_by_level = (Tree(Tree.Config(levels=levels)) for levels in (2, 1))
    one = trained(deep, 1)
    assert trained(level_by_level, 1) != one
    assert trained(level_by_level, 1) == one


def test_what_a_leaf_has_never_seen_is_not_held_to_be_impossible() -> None:
    tree = Tree(Tree.Config(dataset="digits", levels=50))
    measured = trained(tree, 1)
    assert measured["train_accuracy"] == 1
    wrong = 1 - measured["val_accuracy"]
    rows = len(data.load("digits", "train").y)
    assert measured["val_loss"] == pytest.approx(wrong * np.log(rows), rel=1e-6)


def test_linear_descends_to_the_least_squares() -> None:
    train = data.load("diabetes", "train")
    least = LinearRegression().fit(train.x, train.y)
    model = Linear(Linear.Config(dataset="diabetes", learning_rate=0.01, decay=1.0, alpha=0.0))
    reached = trained(model, 60)["train_loss"]
    assert reached == pytest.approx(np.square(least.predict(train.x) - train.y).mean(), rel=0.01)


def test_a_strong_l1_penalty_leaves_features_out() -> None:
    def weights(**penalty: Any) -> Any:
        model = Linear(Linear.Config(dataset="diabetes", alpha=0.1, **penalty))
        trained(model, 30)
        return np.array(model.state_dict()["coef"])

    assert (weights(penalty="l2") != 0).all()
    assert (weights(penalty="l1") == 0).sum() >= 3
    assert (weights(penalty="elasticnet", l1_ratio=1.0) == weights(penalty="l1")).all()


def trained(model: Model, epochs: int) -> dict[str, float]:
    for _ in range(epochs):
        metrics = {**model.train_epoch(), **model.evaluate()}
    return metrics
