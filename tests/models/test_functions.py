"""Training functions as models."""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tune_jobs.errors import user_traceback
from tune_jobs.models.base import Done, TrainingError
from tune_jobs.models.functions.config import FunctionConfig, Hyperparameters
from tune_jobs.models.functions.function import Function, model_of
from tune_jobs.models.functions.session import report, restored


def model(train: Any, test: Any = None, **values: Any) -> Function:
    names = frozenset(values) - {"max_epochs", "seed"}
    return model_of(train, test, names, "accuracy")(FunctionConfig(**values))


def saved_and_loaded(one: Function, folder: Path) -> Function:
    one.save(folder)
    other = type(one)(one.config)
    other.load(folder)
    return other


def walk(config: Any) -> None:
    """Draws from all three libraries; its state is where it is."""
    places = torch.rand(2)
    start = 0
    if state := restored():
        places, start = state["places"], state["epoch"]
    for epoch in range(start, config.max_epochs):
        places = places + config.lr * torch.rand(2) * random.random() * np.random.random()
        report({"accuracy": places.sum()}, state={"places": places, "epoch": epoch + 1})


def walk_with_files(config: Any) -> None:
    from tempfile import TemporaryDirectory

    value, start = random.random(), 0
    if folder := restored():
        value, start = map(float, (folder / "inner" / "value.txt").read_text().split())
    for epoch in range(int(start), config.max_epochs):
        value += config.lr * random.random()
        with TemporaryDirectory() as folder:
            inner = Path(folder) / "inner"
            inner.mkdir()
            (inner / "value.txt").write_text(f"{value!r} {epoch + 1}")
            report({"accuracy": value}, state=Path(folder))


@pytest.mark.parametrize("function", [walk, walk_with_files])
@pytest.mark.parametrize("epochs", [1, 3])
def test_a_training_that_was_restored_equals_one_that_never_stopped(
    function: Any, epochs: int, tmp_path: Path
) -> None:
    whole = model(function, lr=0.1, max_epochs=5)
    expected = [float(whole.train_epoch()["accuracy"]) for _ in range(5)]
    first = model(function, lr=0.1, max_epochs=5)
    for _ in range(epochs):
        first.train_epoch()
    second = saved_and_loaded(first, tmp_path)
    first.close()
    random.random(), np.random.random(), torch.rand(7)  # whatever else happens in the process
    rest = [float(second.train_epoch()["accuracy"]) for _ in range(5 - epochs)]
    assert rest == expected[epochs:]
    with pytest.raises(Done, match="returned after 5 reports"):
        second.train_epoch()


def test_what_it_draws_depends_on_the_seed_alone() -> None:
    def first(seed: int) -> float:
        return float(model(walk, lr=0.1, max_epochs=2, seed=seed).train_epoch()["accuracy"])

    assert first(1) == first(1) != first(2)


def test_a_state_that_is_not_of_every_epoch_restores_what_was_reported(tmp_path: Path) -> None:
    trained: list[int] = []

    def train(config: Any) -> None:
        for epoch in range(restored() or 0, 6):
            trained.append(epoch)
            state = epoch + 1 if epoch % 2 else None
            report({"accuracy": epoch}, state=state)

    first = model(train, lr=0.1)
    for _ in range(3):  # the newest state is of epoch 2
        first.train_epoch()
    second = saved_and_loaded(first, tmp_path)
    assert second.train_epoch() == {"accuracy": 3}
    assert trained == [0, 1, 2, 2, 3]


def test_without_a_state_it_begins_anew_and_passes_over_what_was_reported(tmp_path: Path) -> None:
    def train(config: Any) -> Iterator[float]:
        yield from (0.1, 0.2, 0.3)

    first = model(train, lr=0.1)
    assert [first.train_epoch(), first.train_epoch()] == [{"accuracy": 0.1}, {"accuracy": 0.2}]
    second = saved_and_loaded(first, tmp_path)
    assert second.train_epoch() == {"accuracy": 0.3}
    with pytest.raises(TrainingError, match=r"report\(metrics, state=...\)"):
        second.reconfigure(first.config)


@pytest.mark.parametrize("value", [0.93, np.float32(0.93), {"accuracy": 0.93, "loss": 0.1}])
def test_what_it_returns_is_a_report(value: Any) -> None:
    one = model(lambda config: value, lr=0.1)
    assert one.train_epoch()["accuracy"] == pytest.approx(0.93)
    with pytest.raises(Done, match=r"after 1 report$"):
        one.train_epoch()


def in_a_thread(config: Any) -> None:
    thread = threading.Thread(target=report, args=[{"accuracy": 1}])
    thread.start()
    thread.join()


@pytest.mark.parametrize("train", [lambda config: None, lambda config: iter(()), in_a_thread])
def test_without_a_report_it_is_told_how_to_report(train: Any) -> None:
    with pytest.raises(Done, match=r"reported nothing: .*report\(metrics\)"):
        model(train, lr=0.1).train_epoch()


def test_the_name_of_a_metric_is_text() -> None:
    with pytest.raises(TrainingError, match=r"report\(\) got {3: 0.5}.*'loss'"):
        model(lambda config: report({3: 0.5}), lr=0.1).train_epoch()  # type: ignore[dict-item]


@pytest.mark.parametrize("value", ["good", [0.1], (1, 2)])
def test_what_is_no_report_is_named(value: Any) -> None:
    with pytest.raises(TrainingError, match=r"returned .*(good|0.1|1, 2).*a number"):
        model(lambda config: value, lr=0.1).train_epoch()
    with pytest.raises(TrainingError, match=r"report\(\) got .*(good|0.1|1, 2).*a dict"):
        model(lambda config: report(value), lr=0.1).train_epoch()


def test_an_error_comes_with_the_lines_of_the_function_alone() -> None:
    def train(config: Any) -> None:
        report({"accuracy": 1})
        raise ArithmeticError("too much")

    one = model(train, lr=0.1)
    one.train_epoch()
    with pytest.raises(ArithmeticError) as error:
        one.train_epoch()
    shown = user_traceback(error.value)
    assert shown.count("File") == 2  # this test, and the function
    assert "in train\n" in shown
    with pytest.raises(Done):  # it is over
        one.train_epoch()


def test_done_ends_it_in_good_order() -> None:
    def train(config: Any) -> None:
        report({"accuracy": 1})
        raise Done("good enough")

    one = model(train, lr=0.1)
    one.train_epoch()
    with pytest.raises(Done, match="good enough"):
        one.train_epoch()


def test_closing_ends_the_function_where_it_waits() -> None:
    events: list[str] = []

    def train(config: Any) -> None:
        try:
            while True:
                try:
                    report({"accuracy": 1})
                except Exception:  # does not stop the end
                    events.append("caught")
        finally:
            events.append("cleaned up")

    before = threading.active_count()
    one = model(train, lr=0.1)
    one.train_epoch()
    one.close()
    assert events == ["cleaned up"]
    assert threading.active_count() == before


def test_one_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def train(config: Any) -> None:
        while not over.is_set():
            try:
                report({"accuracy": 1})
            except BaseException:
                over.wait(0.001)

    monkeypatch.setattr("tune_jobs.models.functions.session._GRACE", 0.1)
    one = model(train, lr=0.1)
    one.train_epoch()
    with pytest.raises(TrainingError, match="goes on although it was ended"):
        one.close()
    over.set()


def test_two_functions_do_not_hear_each_other() -> None:
    def train(config: Any) -> None:
        for epoch in range(3):
            report({"accuracy": config.lr + epoch})

    one, other = model(train, lr=0.5), model(train, lr=0.7)
    assert one.train_epoch() == {"accuracy": 0.5}
    assert other.train_epoch() == {"accuracy": 0.7}
    assert one.train_epoch() == {"accuracy": 1.5}
    one.close()
    assert other.train_epoch() == {"accuracy": 1.7}
    other.close()


def test_by_hand_it_is_a_function() -> None:
    assert restored() is None
    walk(Hyperparameters(FunctionConfig(lr=0.1, max_epochs=2), frozenset({"lr"})))


def test_the_config_is_a_dict_with_attributes() -> None:
    given = FunctionConfig(lr=0.1, layers=[1, 2], seed=3, max_epochs=9)
    config = Hyperparameters(given, frozenset({"lr", "layers"}))
    assert dict(**config) == {"lr": 0.1, "layers": [1, 2]}
    assert (config.lr, config["lr"], config.seed, config.max_epochs) == (0.1, 0.1, 3, 9)
    with pytest.raises(AttributeError, match=r"no 'lrr'; it has lr, layers"):
        _ = config.lrr
    nested = Hyperparameters(
        FunctionConfig(trainer={"lr": 0.1, "name": "x"}), frozenset({"trainer"})
    )
    assert nested.trainer.lr == nested["trainer"]["lr"] == 0.1
    assert dict(**nested.trainer) == {"lr": 0.1, "name": "x"}
    of_the_space = Hyperparameters(given, frozenset({"lr", "seed"}))
    assert of_the_space == {"lr": 0.1, "seed": 3}
    copied = copy.deepcopy(config)
    assert copied == config
    assert copied.seed == 3


def test_the_test_gets_the_state_of_the_best_epoch(tmp_path: Path) -> None:
    def test(config: Any, state: Any) -> dict[str, float]:
        return {"test_accuracy": float(state["places"].sum()), "lr": config.lr}

    one = model(walk, test, lr=0.1, max_epochs=3)
    value = float(one.train_epoch()["accuracy"])
    best = saved_and_loaded(one, tmp_path)
    one.close()
    assert best.test() == {"test_accuracy": value, "lr": 0.1}
    assert model(walk, lr=0.1).test() == {}
    for measured in (0.5, np.float32(0.5), torch.tensor(0.5)):
        found = model(walk, lambda config, state, measured=measured: measured, lr=0.1).test()
        assert found == {"accuracy": 0.5}


def test_a_path_that_is_not_there_is_an_error_of_the_function() -> None:
    one = model(lambda config: report({"accuracy": 1}, state=Path("nowhere")), lr=0.1)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        one.train_epoch()
