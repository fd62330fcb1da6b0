"""Our searchers and schedulers in Ray Tune scripts: plain Tuners, function trainables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ray import tune
from ray.tune.search import ConcurrencyLimiter

from tune_jobs.errors import UserError
from tune_jobs.on_ray import RayScheduler, RaySearcher
from tune_jobs.search_algos.domains import Choice, Float, SpaceError
from tune_jobs.search_algos.searchers import SEARCHERS

pytestmark = pytest.mark.usefixtures("ray_session")

SPACE = {"x": tune.uniform(0, 1), "kind": tune.choice(["a", "b"]), "epochs": 2}


def trainable(fails_at: float = 2.0, saves: bool = True) -> Callable[[dict[str, Any]], None]:
    """A trial that is the better the smaller x is, and keeps in its state every x that it was
    trained with. Made here so that Ray sends the function itself to its workers."""

    def train(config: dict[str, Any]) -> None:
        import json
        import tempfile
        from pathlib import Path

        from ray import tune

        trained: list[float] = []
        checkpoint = tune.get_checkpoint()
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                trained = json.loads(Path(folder, "state.json").read_text())
        while len(trained) < config["epochs"]:
            trained.append(config["x"])
            if config["x"] == fails_at and len(trained) == 2:
                raise ArithmeticError("too much")
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "state.json").write_text(json.dumps(trained))
                tune.report(
                    {"score": -config["x"] - 1 / len(trained), "trained": list(trained)},
                    checkpoint=tune.Checkpoint.from_directory(folder) if saves else None,
                )

    return train


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Runs a Tuner; returns its trials as they were made. Two CPUs each is one at a time."""
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "0")

    def run(
        param_space: dict[str, Any],
        train: Callable[[dict[str, Any]], None] | None = None,
        cpus: int = 1,
        **config: Any,
    ) -> list[Any]:
        grid = tune.Tuner(
            tune.with_resources(train or trainable(), {"cpu": cpus}),
            param_space=param_space,
            tune_config=tune.TuneConfig(
                **{"metric": "score", "mode": "max", "reuse_actors": True, **config}
            ),
            run_config=tune.RunConfig(name="run", storage_path=str(tmp_path), verbose=0),
        ).fit()
        trials = grid._experiment_analysis.trials
        assert {trial.status for trial in trials} == {"TERMINATED"} or train
        return trials

    return run


def epochs(trials: list[Any]) -> list[int]:
    return [trial.last_result["training_iteration"] for trial in trials]


@pytest.mark.parametrize("name", ["bayesopt", "hyperopt"])
def test_a_searcher_serves_a_tuner(name: str, fit: Callable[..., list[Any]]) -> None:
    searcher = RaySearcher(name)
    trials = fit(SPACE, search_alg=searcher, num_samples=6, max_concurrent_trials=2)
    assert len({(trial.config["x"], trial.config["kind"]) for trial in trials}) == 6
    assert epochs(trials) == [2] * 6
    known = searcher._history.learning_set(enough=6)
    assert [config["x"] for config, _ in known.observed] == [t.config["x"] for t in trials]
    assert [loss for _, loss in known.observed] == [-t.last_result["score"] for t in trials]


def asked(searcher: Any, first: int, count: int) -> list[Any]:
    """Suggestions, each told two epochs before the next is asked for."""
    configs = []
    for index in range(first, first + count):
        config = searcher.suggest(f"t{index}")
        configs.append(config)
        if config == searcher.FINISHED:
            break
        for epoch in (1, 2):
            result = {"training_iteration": epoch, "score": config["x"] / epoch}
            searcher.on_trial_result(f"t{index}", result)
        searcher.on_trial_complete(f"t{index}", result)
    return configs


def test_a_nested_space_gives_nested_configs() -> None:
    space = {"net": {"width": tune.randint(1, 9), "bias": True}, "lr": tune.uniform(0, 1)}
    config = RaySearcher("random", space=space, metric="score", mode="max").suggest("t")
    assert config is not None
    assert set(config) == {"net", "lr"}
    assert config["net"]["width"] in range(1, 9)
    assert config["net"]["bias"] is True


@pytest.mark.parametrize("name", sorted(SEARCHERS))
def test_a_restored_searcher_goes_on_as_if_nothing_had_been(name: str, tmp_path: Path) -> None:
    space = {"x": tune.quniform(0, 1, 0.25), "kind": tune.choice(["a", "b"]), "same": 5}
    searcher = RaySearcher(name, seed=3, space=space, metric="score", mode="max")
    first = asked(searcher, 0, 4)
    assert all(config["same"] == 5 and set(config) == set(space) for config in first)
    searcher.save(str(tmp_path / "state"))
    restored = RaySearcher("random")
    restored.restore(str(tmp_path / "state"))
    assert asked(searcher, 4, 2) == asked(restored, 4, 2)


def test_a_searcher_that_has_no_more_says_so() -> None:
    space = {"x": tune.choice([0.1, 0.2, 0.3])}
    searcher = RaySearcher("grid", space=space, metric="score", mode="max")
    configs = asked(searcher, 0, 10)
    assert sorted(config["x"] for config in configs[:-1]) == [0.1, 0.2, 0.3]
    assert configs[-1] == searcher.FINISHED


def test_rays_limiter_holds_suggestions_back() -> None:
    limiter = ConcurrencyLimiter(RaySearcher("random"), max_concurrent=1)
    assert limiter.set_search_properties("score", "max", dict(SPACE))
    assert limiter.suggest("a")
    assert limiter.suggest("b") is None
    limiter.on_trial_complete("a", {"training_iteration": 1, "score": 1.0})
    assert limiter.suggest("b")


def test_a_second_space_is_refused_as_ray_does() -> None:
    searcher = RaySearcher("random", space=SPACE)
    assert not searcher.set_search_properties("score", "max", dict(SPACE))
    assert searcher.metric is None


def test_conditions_come_with_the_searcher() -> None:
    space = {"kind": Choice(["a", "b"]), "x": Float(0, 1, when={"kind": "a"})}
    searcher = RaySearcher("random", space=space, metric="score", mode="min")
    configs = [searcher.suggest(f"t{index}") for index in range(20)]
    assert {tuple(config) for config in configs} == {("kind", "x"), ("kind",)}
    with pytest.raises(UserError, match="conditions, which Ray Tune does not support"):
        RaySearcher("random").set_search_properties("score", "min", space)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: RaySearcher("bayes"), "did you mean 'bayesopt'"),
        (lambda: RaySearcher("random", startup=3), "has no option 'startup'"),
        (lambda: RaySearcher("random", mode="most"), "it must be 'min' or 'max'"),
        (lambda: RaySearcher("random", metric="score", mode="max").suggest("t"), "param_space"),
        (lambda: RaySearcher("random", space=SPACE).suggest("t"), "give metric and mode"),
        (lambda: RayScheduler("ash"), "did you mean 'asha'"),
        (lambda: RayScheduler("hyperband", mode="most"), "it must be 'min' or 'max'"),
        (lambda: RayScheduler("asha", mode="most"), "mode is 'most'.*'stop' or 'promote'"),
        (lambda: RayScheduler("pbt"), "param_space as space="),
    ],
)
def test_mistakes_are_told(made: Callable[[], Any], message: str) -> None:
    with pytest.raises((UserError, SpaceError, ValueError), match=message):
        made()


GOOD_TO_BAD = {"x": tune.grid_search([0.1, 0.2, 0.3, 0.4]), "epochs": 9}


def test_asha_stops_all_but_the_best(fit: Callable[..., list[Any]]) -> None:
    trials = fit(GOOD_TO_BAD, scheduler=RayScheduler("asha", max_t=6), cpus=2)
    assert epochs(trials) == [6, 1, 1, 1], "the best came first; it stops at max_t"


def test_promoting_asha_pauses_and_resumes(fit: Callable[..., list[Any]]) -> None:
    scheduler = RayScheduler("asha", max_t=9, mode="promote")
    trials = fit(GOOD_TO_BAD, scheduler=scheduler, cpus=2)
    assert epochs(trials) == [9, 1, 1, 1], "the best goes on; nobody resumes the others"
    assert trials[0].last_result["trained"] == [0.1] * 9, "from its own checkpoint"
    assert trials[0].last_result["iterations_since_restore"] < 9


def test_hyperband_halves_its_brackets(fit: Callable[..., list[Any]]) -> None:
    scheduler = RayScheduler("hyperband", max_t=4, reduction_factor=2)
    trials = fit(GOOD_TO_BAD, scheduler=scheduler, cpus=2)
    assert epochs(trials) == [4, 2, 1, 1]
    assert trials[0].last_result["trained"] == [0.1] * 4
    assert trials[0].last_result["iterations_since_restore"] == 2


def test_median_stops_the_worst(fit: Callable[..., list[Any]]) -> None:
    scheduler = RayScheduler("median", max_t=3, min_samples_required=1)
    trials = fit(GOOD_TO_BAD, scheduler=scheduler, cpus=2)
    assert epochs(trials) == [3, 1, 1, 1]


def test_a_clone_has_the_state_of_its_source(fit: Callable[..., list[Any]]) -> None:
    space = {"x": tune.uniform(0, 1), "epochs": 4}
    searcher = RaySearcher("random")
    scheduler = RayScheduler("pbt", max_t=4, space=space, perturbation_interval=2)
    trials = fit(space, search_alg=searcher, scheduler=scheduler, num_samples=4, cpus=2)
    assert epochs(trials) == [4] * 4
    suggested = [searcher._asked[trial.trial_id].config["x"] for trial in trials]
    best, worst = trials[suggested.index(min(suggested))], trials[suggested.index(max(suggested))]
    assert worst.config["epochs"] == 4
    assert worst.config["x"] != max(suggested)
    assert worst.last_result["trained"][:2] == [min(suggested)] * 2
    assert best.last_result["trained"][:2] == [min(suggested)] * 2
    assert worst.last_result["trained"][2:] == [worst.config["x"]] * 2
    observed = {config["x"]: loss for config, loss in searcher._history.learning_set(4).observed}
    assert observed[max(suggested)] == max(suggested) + 1 / 2, "learned before it was replaced"


def test_a_clone_in_the_middle_of_training(fit: Callable[..., list[Any]]) -> None:
    space = {"x": tune.grid_search([0.1, 0.2]), "epochs": 9}
    scheduler = RayScheduler("odd_schedulers:Copier", max_t=4, space={"x": Float(0, 1)})
    trials = fit(space, scheduler=scheduler, cpus=2)
    assert [trial.config["x"] for trial in trials] == [0.1, 0.91]
    assert trials[1].last_result["trained"] == [0.1] * 4 + [0.91]


def test_trials_that_nobody_resumes_end(fit: Callable[..., list[Any]]) -> None:
    scheduler = RayScheduler("odd_schedulers:Forgetful", max_t=9)
    trials = fit(GOOD_TO_BAD, scheduler=scheduler, max_concurrent_trials=2)
    assert epochs(trials) == [2, 2, 2, 2]


def test_nobody_waits_for_a_trial_that_failed(fit: Callable[..., list[Any]]) -> None:
    scheduler = RayScheduler("hyperband", max_t=4, grace_period=2, reduction_factor=2)
    space = {"x": tune.grid_search([0.1, 0.2, 0.3]), "epochs": 4}
    trials = fit(space, train=trainable(fails_at=0.3), scheduler=scheduler, cpus=2)
    assert [trial.status for trial in trials] == ["TERMINATED", "TERMINATED", "ERROR"]
    assert epochs(trials) == [4, 2, 1]


def test_paused_without_a_checkpoint(fit: Callable[..., list[Any]]) -> None:
    space = {"x": tune.grid_search([0.1]), "epochs": 4}
    scheduler = RayScheduler("odd_schedulers:Puller", max_t=4)
    with pytest.raises(UserError, match="has no checkpoint to continue from"):
        fit(space, train=trainable(saves=False), scheduler=scheduler, cpus=2)


class _Trial:
    """As much of one of Ray's trials as a scheduler sees before it pauses."""

    trial_id = "t0"
    config: ClassVar[dict[str, Any]] = {"x": 1.0}

    def is_finished(self) -> bool:
        return False


def test_an_epoch_is_told_once() -> None:
    scheduler: Any = RayScheduler("asha", max_t=9, metric="score", mode="max", time_attr="epoch")
    scheduler.on_trial_add(None, _Trial())
    scheduler.on_trial_add(None, _Trial())  # as after a failure
    for _ in range(2):
        scheduler.on_trial_result(None, _Trial(), {"epoch": 1, "score": 1.0})
    (rung, _) = scheduler._scheduler._brackets[0].values()
    assert len(rung) == 1
    with pytest.raises(UserError, match=r"counts epochs by 'epoch', which is 0\.5"):
        scheduler.on_trial_result(None, _Trial(), {"epoch": 0.5, "score": 1.0})


def test_a_schedulers_metric_is_set_once() -> None:
    scheduler: Any = RayScheduler("fifo")
    with pytest.raises(UserError, match="give metric and mode"):
        scheduler.on_trial_add(None, _Trial())
    assert scheduler.set_search_properties("score", "max")
    assert not scheduler.set_search_properties("score", "max")
