"""The declaration: what it takes, what it refuses, and in which words."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ray import tune
from runs import tiny_job
from tiny_model import Tiny

from tune_jobs.errors import UserError, explain
from tune_jobs.job.overrides import override
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.base import Model
from tune_jobs.names import field_names
from tune_jobs.search_algos.domains import Choice, Float, Int


class NoReconfigure(Tiny):
    reconfigure = Model.reconfigure


class Rigid(Tiny):
    structural = frozenset({"x"})


class Unfinished(Model):
    Config = Tiny.Config

    def train_epoch(self) -> dict[str, float]:
        return {}


class Forgetful(Unfinished):
    def evaluate(self) -> dict[str, float]:
        return {}


class HalfSaved(Forgetful):
    def save(self, folder: Path) -> None:
        pass


def train(config: Any) -> None:
    pass


def takes_one(config: Any) -> float:
    return 0.0


def takes_two(config: Any, data: Any) -> None:
    pass


class Plain:
    pass


def problems(**fields: Any) -> str:
    with pytest.raises(UserError) as error:
        tiny_job(**fields).validate()
    return str(error.value)


def test_a_good_job_is_valid() -> None:
    tiny_job().validate()
    tiny_job(model=Tiny, scheduler="odd_schedulers:Copier").validate()


@pytest.mark.parametrize(
    "function",
    [
        train,
        partial(takes_two, data=3),
        partial(takes_two, data=[3]),
        tune.with_parameters(takes_two, data=3),
        lambda config: 0.5,
        f"{__name__}:train",
    ],
)
def test_a_training_function_is_a_model(function: Any) -> None:
    job = tiny_job(model=function, test=takes_two, scheduler="pbt")
    job.validate()
    config = job.model_class().Config(x=0.5, **job.constants())
    assert vars(config) == {"x": 0.5, "seed": 0, "max_epochs": 9, "fold": None}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"searcher": "hyperop"}, ["searcher 'hyperop'", "did you mean 'hyperopt'"]),
        ({"scheduler": "ahsa"}, ["scheduler 'ahsa'", "did you mean 'asha'"]),
        (
            {"folds": 5},
            [
                "folds is 5",
                "Tiny.Config has no field 'fold'",
                "models.data.load",
            ],
        ),
        (
            {"folds": 5, "model": "tree", "scheduler": "pbt", "space": {"levels": Int(1, 3)}},
            ["scheduler 'pbt' clones trials", "folds", "another scheduler"],
        ),
        ({"min_delta": 0.1}, ["min_delta is 0.1", "without patience"]),
        ({"runtime_env": {"env_vars": {"TOKEN": "1"}}}, ["env_vars (TOKEN)", "job.json"]),
        ({"runtime_env": {"pip": {"x"}}}, ["runtime_env has 'pip' as {'x'}"]),
        ({"resources_per_trial": {"GPU": 1}}, ["resources_per_trial has GPU", "gpus_per_trial"]),
        ({"bundles_per_trial": [{}]}, ["bundles_per_trial has an empty one"]),
        ({"accelerator_type": "A100", "gpus_per_trial": 0}, ["'A100'", "no process", "has a GPU"]),
        (
            {"accelerator_type": "A100", "bundles_per_trial": [{"CPU": 1}]},
            ["'A100'", "no process", "has a GPU"],
        ),
        ({"folds": 5, "patience": 2}, ["patience", "a training of its own"]),
        ({"model": "digit_cnn"}, ["model 'digit_cnn'", "did you mean 'digits_cnn'"]),
        ({"model": "nowhere:Net"}, ["'nowhere:Net'", "No module named 'nowhere'"]),
        ({"model": "tiny_model:Tyni"}, ["'tiny_model:Tyni'", "Tyni"]),
        ({"model": "broken_module:Net"}, ["'broken_module:Net'", "1 / 0", "ZeroDivisionError"]),
        ({"model": Plain}, ["Plain", "derived from tune_jobs.models.base.Model"]),
        ({"model": Unfinished}, ["Unfinished", "does not define evaluate"]),
        ({"model": Forgetful}, ["Forgetful", "does not define state_dict", "or save and load"]),
        ({"model": HalfSaved}, ["HalfSaved", "defines save, but not load"]),
        (
            {"model": takes_two},
            ["(config: 'Any', data: 'Any')", "takes_two(config)", "partial"],
        ),
        (
            {"model": train, "test": takes_one},
            ["(config: 'Any')", "takes_one(config, state)"],
        ),
        ({"model": train, "test": 3}, ["test is 3", "test(config, state)"]),
        ({"test": takes_two}, ["test is for a training function"]),
        (
            {"space": {"unheard_of": Float(0, 1)}},
            ["'unheard_of'", "Tiny.Config", "log, once, rate"],
        ),
        ({"space": {"secnds": Float(0, 1)}}, ["'secnds'", "did you mean 'seconds'"]),
        ({"space": {"x": 0.3}}, ["nothing to search"]),
        ({"space": {"x": Float(0, 1, when={"y": 1})}}, ["'y'", "not in the space"]),
        ({"scheduler_options": {"grace_perod": 1}}, ["'grace_perod'", "'grace_period'"]),
        ({"scheduler_options": {"grace_period": 10}}, ["grace_period is 10", "max_t is 9"]),
        ({"scheduler_options": {"reduction_factor": 1}}, ["reduction_factor is 1", "η"]),
        ({"scheduler": "fifo", "scheduler_options": {"eta": 3}}, ["'eta'", "has none"]),
        ({"searcher": "hyperopt", "searcher_options": {"gamma": 2}}, ["gamma is 2"]),
        (
            {"searcher": "evolution", "searcher_options": {"population_size": 5.5}},
            ["searcher 'evolution': population_size is 5.5", "it must be a whole number"],
        ),
        (
            {"scheduler_options": {"brackets": "x"}},
            ["brackets is 'x'", "it must be a whole number"],
        ),
        ({"scheduler_options": {"mode": "stay"}}, ["mode is 'stay'", "'stop' or 'promote'"]),
        (
            {"metric": ["loss", "size"], "mode": ["min", "min"], "searcher": "hyperopt"},
            ["searcher 'hyperopt' goes by one metric", "evolution, grid, optuna, random, sobol"],
        ),
        (
            {
                **{"metric": ["loss", "size"], "mode": ["min", "min"]},
                **{"searcher": "optuna", "searcher_options": {"sampler": "cmaes"}},
            },
            ["searcher 'optuna' with {'sampler': 'cmaes'} goes by one metric"],
        ),
        (
            {"metric": ["loss", "size"], "mode": ["min", "min"], "scheduler": "median"},
            ["scheduler 'median' goes by one metric", "asha, fifo, hyperband, pbt, succ"],
        ),
        ({"model": NoReconfigure, "scheduler": "odd_schedulers:Copier"}, ["reconfigure(config)"]),
    ],
)
def test_what_cannot_work_is_refused_with_the_value_and_a_way_out(
    fields: dict[str, Any], words: list[str]
) -> None:
    said = problems(**fields)
    assert "job 'tiny'" in said
    for word in words:
        assert word in said


def test_a_scheduler_that_clones_knows_what_the_model_cannot_change() -> None:
    space = {"x": Float(0, 1), "rate": Float(1, 2)}
    scheduler = tiny_job(model=Rigid, scheduler="pbt", space=space).build_scheduler()
    assert scheduler.changes == {"rate"}
    copier = tiny_job(model=Rigid, scheduler="odd_schedulers:Copier", space=space)
    assert copier.build_scheduler().fixed == {"x"}
    named = {"scheduler": "pbt", "scheduler_options": {"perturb": ["x"]}}
    assert "would change x" in problems(model=Rigid, space=space, **named)


def test_all_problems_are_told_at_once() -> None:
    said = problems(searcher="x", scheduler="y", space={"z": Float(0, 1)})
    assert [word in said for word in ("'x'", "'y'", "'z'")] == [True] * 3


def test_a_config_that_the_model_refuses_is_found_at_the_ends_of_the_space() -> None:
    space = {"learning_rate": Float(0, 0.1), "width": Choice([8, -16])}
    said = problems(model="digits_cnn", space=space)
    assert "refuses learning_rate = 0.0: it must be above 0" in said
    assert "refuses width = -16" in said


def test_a_searcher_without_conditions_refuses_a_space_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = {"trouble": Choice(["", "nan"]), "x": Float(0, 1, when={"trouble": ""})}
    tiny_job(space=space).validate()
    monkeypatch.setattr(
        "tune_jobs.search_algos.searchers.random.RandomSearch.supports_conditions", False
    )
    assert "'random' cannot search a space with conditions" in problems(space=space)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"num_samples": object()}, ["num_samples is an object of class object; it must be a"]),
        ({"space": 3}, ["space is 3; it must be a dict"]),
        ({"checkpoint_quota": "2 pounds"}, ["'2 pounds'", "500MiB or 20GB"]),
        ({"fail_fast": "perhaps"}, ["fail_fast is 'perhaps'; it must be true or false"]),
        ({"points_to_evaluate": [3]}, ["points_to_evaluate.0 is 3; it must be a dict"]),
        ({"seed": -1.5}, ["seed is -1.5; it must be a whole number"]),
        ({"metric": 5}, ["metric is 5; it must be text"]),
        ({"metric": ["a", 5]}, ["metric is ['a', 5]; it must be text, or a list of different"]),
        ({"metric": ["a", "a"]}, ["metric is ['a', 'a']"]),
        ({"metric": []}, ["metric is []"]),
        ({"metric": ["a", "b"]}, ["mode is 'min'", "['a', 'b']: give 'min' or 'max' for each"]),
        ({"mode": ["min", "max"]}, ["mode is ['min', 'max']", "metric is 'loss': give"]),
        ({"num_samples": 0}, ["num_samples is 0", "it must be above 0"]),
        ({"mode": "maximise"}, ["mode is 'maximise'", "'min' or 'max'"]),
        ({"num_sample": 3}, ["'num_sample'", "did you mean 'num_samples'"]),
        ({"name": "a/b"}, ["name is 'a/b'"]),
        ({"gpus_per_trial": -1}, ["gpus_per_trial is -1"]),
        ({"space": {"x": {"grid_search": [1]}}}, ["'x' is tune.grid_search", "Choice"]),
        ({"space": {"x": tune.sample_from(lambda spec: 1)}}, ["'x'", "sample_from", "constraints"]),
    ],
)
def test_fields_of_a_wrong_type_or_range_are_named(
    fields: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ValidationError) as error:
        tiny_job(**fields)
    said = str(explain(error.value, field_names(TuneJob)))
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (tune.uniform(0, 1), Float(0, 1)),
        (tune.loguniform(1e-4, 1), Float(1e-4, 1, log=True)),
        (tune.quniform(0, 1, 0.25), Float(0, 1, step=0.25)),
        (tune.randint(1, 10), Int(1, 9)),
        (tune.qrandint(8, 64, 8), Int(8, 64, step=8)),
        (tune.lograndint(1, 100), Int(1, 99, log=True)),
        (tune.choice(["a", "b"]), Choice(["a", "b"])),
    ],
)
def test_ray_tunes_domains_become_ours(theirs: Any, ours: Any) -> None:
    assert tiny_job(space={"x": theirs}).space["x"] == ours


def test_the_seed_goes_into_a_config_that_has_one_unless_the_space_does() -> None:
    assert tiny_job(seed=5).constants() == {"seed": 5}
    assert tiny_job(seed=5, space={"x": Float(0, 1), "seed": 7}).constants() == {"seed": 7}
    assert tiny_job(space={"seed": Int(0, 9)}).constants() == {}


def test_flags_replace_fields_and_another_algorithm_drops_the_old_ones_options() -> None:
    job = tiny_job(scheduler="asha", scheduler_options={"grace_period": 3})
    assert override(job, {"num_samples": 4, "seed": None}).num_samples == 4
    assert override(job, {"scheduler": "asha"}).scheduler_options == {"grace_period": 3}
    assert override(job, {"scheduler": "fifo"}).scheduler_options == {}
    assert job.num_samples == 10


def test_settings_fix_hyperparameters_and_set_options() -> None:
    space = {"trouble": Choice(["", "nan"]), "x": Float(0, 1, when={"trouble": ""})}
    job = override(tiny_job(space=space), {}, ["trouble=nan", "rate=2", "scheduler.grace_period=2"])
    assert job.scheduler_options == {"grace_period": 2}
    assert job.constants() == {"trouble": "nan", "rate": 2, "seed": 0}
    assert list(job.domains) == []


@pytest.mark.parametrize(
    ("setting", "word"),
    [("rate", "'rate' is not KEY=VALUE"), ("=3", "'=3'"), ("model.x=3", "'model.x'")],
)
def test_a_setting_that_cannot_be_read_is_named(setting: str, word: str) -> None:
    with pytest.raises(UserError, match=word):
        override(tiny_job(), {}, [setting])


def test_a_problem_is_told_once() -> None:
    assert problems(model="digit_cnn", scheduler="pbt").count("did you mean 'digits_cnn'") == 1
