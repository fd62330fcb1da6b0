"""The parts of a training recipe: schedules, optimizers, regularisation, batches."""

from __future__ import annotations

import dataclasses
import math

import pytest
import small_problems
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler

from tune_jobs.models import data
from tune_jobs.models.mlp import MLP
from tune_jobs.models.training import batches
from tune_jobs.models.training.cross_validation import CrossValidation
from tune_jobs.models.training.recipes import (
    Recipe,
    make_optimizer,
    optimize,
    rate_factor,
    reconfigured,
)
from tune_jobs.models.training.tasks import Classes, Targets

STEPS = 60
SCHEDULES = ["constant", "step", "multi_step", "cosine", "cosine_restarts", "one_cycle", "cyclic"]


def torchs_own(schedule: str, optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    match schedule:
        case "constant":
            return lr_scheduler.ConstantLR(optimizer, factor=1.0)
        case "step":
            return lr_scheduler.StepLR(optimizer, STEPS // 3, gamma=0.1)
        case "multi_step":
            return lr_scheduler.MultiStepLR(optimizer, [STEPS // 2, STEPS * 3 // 4], gamma=0.1)
        case "cosine":
            return lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
        case "cosine_restarts":
            return lr_scheduler.CosineAnnealingWarmRestarts(optimizer, STEPS // 3)
        case "one_cycle":
            return lr_scheduler.OneCycleLR(
                optimizer, 1.0, STEPS + 1, pct_start=0.3, cycle_momentum=False
            )
        case _:
            return lr_scheduler.CyclicLR(
                optimizer, 0.0, 1.0, step_size_up=STEPS // 6, cycle_momentum=False
            )


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
def test_a_schedule_is_that_of_torch(schedule: str) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torchs_own(schedule, optimizer)
    recipe = Recipe(schedule=schedule)
    for step in range(STEPS):
        ours = rate_factor(recipe, step / STEPS)
        # OneCycleLR counts the peak's step from the last one and not from their number.
        close = 0.05 if schedule == "one_cycle" else 1e-6
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], abs=close), step
        theirs.step()


@given(st.sampled_from(SCHEDULES), st.floats(0, 0.9), st.floats(0, 2))
def test_a_rate_never_leaves_its_range(schedule: str, warmup: float, progress: float) -> None:
    recipe = Recipe(schedule=schedule, warmup=warmup)
    assert 0 <= rate_factor(recipe, progress) <= 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_warm_up_rises_from_nothing_to_where_the_schedule_begins(schedule: str) -> None:
    recipe = Recipe(schedule=schedule, warmup=0.2)
    start = rate_factor(Recipe(schedule=schedule), 0.0)
    assert rate_factor(recipe, 0.0) == 0
    if schedule == "cyclic":  # has its own
        assert rate_factor(recipe, 0.1) == rate_factor(Recipe(schedule=schedule), 0.1) > 0
        return
    assert rate_factor(recipe, 0.1) == pytest.approx(start / 2)
    assert rate_factor(recipe, 0.2) == pytest.approx(start)
    assert rate_factor(recipe, 0.76) == pytest.approx(rate_factor(Recipe(schedule=schedule), 0.7))


def one_step(weight: float, gradient: float, **recipe: object) -> float:
    """Where a step from ``weight`` with a loss of that gradient leads."""
    parameter = nn.Parameter(torch.full((1, 1), weight))
    chosen = Recipe(**{"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.1, **recipe})
    optimizer = make_optimizer([parameter], chosen)
    optimize((gradient * parameter).sum(), optimizer, chosen, progress=0.0)
    return parameter.item()


def test_regularisation_does_what_its_formula_says() -> None:
    assert one_step(2.0, 1.0) == pytest.approx(2 - 0.1)
    assert one_step(2.0, 1.0, weight_decay=0.5) == pytest.approx(2 - 0.1 * (1 + 0.5 * 2))
    assert one_step(-2.0, 1.0, l1=0.5) == pytest.approx(-2 - 0.1 * (1 - 0.5))
    assert one_step(2.0, 30.0, gradient_clip=3.0) == pytest.approx(2 - 0.1 * 3)
    assert one_step(2.0, 1.0, warmup=0.5) == 2.0  # at the very beginning


def test_label_smoothing_is_for_training_only() -> None:
    logits, labels = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    sure = math.log(1 + math.exp(-2))
    task = Classes(2)
    assert task.loss(logits, labels, 0.2).item() == pytest.approx(0.9 * sure + 0.1 * (sure + 2))
    assert task.measure(logits, labels) == {"loss": pytest.approx(sure), "accuracy": 1.0}


def test_numbers_are_learned_in_their_own_scale_and_measured_in_their_own_unit() -> None:
    labels = torch.tensor([100.0, 300.0])
    task = Targets(mean=200.0, std=100.0)
    outputs = torch.tensor([[-1.0], [0.5]])  # 100 and 250
    assert task.loss(outputs, labels, 0.0).item() == pytest.approx(0.25 / 2)
    assert task.measure(outputs, labels) == {"loss": 1250.0, "r2": pytest.approx(1 - 0.125)}


@pytest.mark.parametrize(
    ("optimizer", "nesterov"),
    [("adam", False), ("adamw", False), ("rmsprop", False), ("sgd", False), ("sgd", True)],
)
def test_every_optimizer_trains_and_takes_a_new_rate_in_the_middle(
    optimizer: str, nesterov: bool
) -> None:
    config = MLP.Config(optimizer=optimizer, nesterov=nesterov, learning_rate=1e-2, batch_size=32)
    model = MLP(config)
    losses = [model.train_epoch()["train_loss"] for _ in range(2)]
    assert losses[1] < losses[0]
    reconfigured(
        model.optimizer,
        model.parameter_groups(),
        dataclasses.replace(config, learning_rate=0.5, momentum=0.1),
    )
    (group,) = model.optimizer.param_groups
    assert group["lr"] == 0.5
    assert group.get("momentum", 0.1) == 0.1
    assert model.train_epoch()["train_loss"] > 0


def test_a_network_takes_over_what_is_not_the_optimizers_too() -> None:
    config = MLP.Config(norm="batch", dropout=0.1, optimizer="rmsprop", momentum=0.0)
    model = MLP(config)
    model.train_epoch()
    model.reconfigure(
        dataclasses.replace(config, dropout=0.4, weight_decay=0.2, momentum=0.5, batch_size=82)
    )
    assert {m.p for m in model.network.modules() if isinstance(m, nn.Dropout)} == {0.4}
    assert model.optimizer.param_groups[0]["weight_decay"] == 0.2
    # 1,149 examples: the last batch would have one, of which batch norm knows no variance.
    assert model.train_epoch()["train_loss"] > 0


class Diverging(MLP):
    def evaluate(self) -> dict[str, float]:
        return {"val_loss": math.nan, "val_accuracy": math.inf}


def test_a_fold_that_diverges_is_not_finite_and_no_error() -> None:
    whole = CrossValidation(Diverging, MLP.Config(), folds=2, max_epochs=1)
    whole.train_epoch()
    assert math.isnan(whole.evaluate()["val_loss"])


def test_data_that_do_not_fit_train_the_same_through_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data, "load", small_problems.load)
    config = MLP.Config(dataset="california", dropout=0.2)
    in_memory = MLP(config)
    monkeypatch.setattr(batches, "room", lambda device: 0)
    from_readers = MLP(config)
    assert not from_readers._train.fit
    assert from_readers.train_epoch() == in_memory.train_epoch()
    assert from_readers.evaluate() == in_memory.evaluate()


def test_folds_part_the_training_and_validation_data_evenly() -> None:
    everything = data.load("digits", "train", data.Fold(0, 1))
    assert len(everything.y) == 898 + 449
    seen = []
    for number in range(5):
        fold = data.Fold(number, 5)
        train, held_out = (
            data.load("digits", "train", fold),
            data.load("digits", "validation", fold),
        )
        assert len(train.y) + len(held_out.y) == len(everything.y)
        assert not {image.tobytes() for image in train.x} & {i.tobytes() for i in held_out.x}
        shares = torch.bincount(torch.from_numpy(held_out.y)) / len(held_out.y)
        assert shares.tolist() == pytest.approx([0.1] * 10, abs=0.012)
        seen += [image.tobytes() for image in held_out.x]
    assert sorted(seen) == sorted(image.tobytes() for image in everything.x)
    assert data.load("digits", "test", fold).y.tolist() == data.load("digits", "test").y.tolist()
