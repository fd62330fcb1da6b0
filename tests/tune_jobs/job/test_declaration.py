"""A job comes back from its run's job.json as it was declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import tiny_job
from strategies import declared, spaces

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import RunResumed
from tune_jobs.job.declaration import as_json, rebuilt
from tune_jobs.job.files import load_job
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.search_algos.domains.values import untagged
from tune_jobs.search_algos.space import Space

MODEL_IN_THE_FILE = """
from tiny_model import Tiny
from tune_jobs import Float, TuneJob

class Outer:
    class Mine(Tiny):
        pass

job = TuneJob(name="mine", model=Outer.Mine, space={"x": Float(0, 1)}, metric="loss", mode="min")
"""


def back(job: TuneJob, *facts: Any, file: Path | None = None) -> TuneJob:
    return rebuilt(json.loads(json.dumps(as_json(job, file)), object_hook=untagged), facts)


@settings(max_examples=50)
@given(
    space=spaces(),
    fields=st.fixed_dictionaries(
        {},
        optional={
            "checkpoint_quota": st.sampled_from(["2GiB", 1000, None]),
            "time_budget": st.floats(1, 1e6),
            "trial_timeout": st.none() | st.floats(1, 1e6),
            "fail_fast": st.booleans(),
            "seed": st.integers(0, 99),
            "scheduler_options": st.just({"grace_period": 2}),
            "gpus_per_trial": st.sampled_from([None, 0.5]),
        },
    ),
)
def test_every_field_comes_back(space: Space, fields: dict[str, Any]) -> None:
    job = tiny_job(space={**space, "rate": 2.0}, **fields)
    again = back(job)
    assert json.dumps(as_json(again, None)) == json.dumps(as_json(job, None))
    assert again.checkpoint_quota == job.checkpoint_quota
    for index in range(3):  # the same configs, of the same types
        rng = job.build_searcher().rng
        assert again.domains.sample(rng(index)) == job.domains.sample(rng(index))


def test_points_and_conditions_come_back() -> None:
    space = {
        "kind": Choice(["a", "b"]),
        "x": Float(0, 1, when={"kind": ["a", "b"]}),
        "n": Int(1, 9, log=True, when={"kind": "a"}),
    }
    job = tiny_job(space=space, points_to_evaluate=[{"kind": "a", "x": 0.5, "n": 3}])
    assert back(job) == job


def test_numbers_of_numpy_anywhere_come_back_as_numbers() -> None:
    job = tiny_job(
        space={"x": Float(0, 1), "n": Choice(range(np.int64(3)))},
        stop={"loss": np.float32(0.5)},
        scheduler_options={"grace_period": np.int64(2)},
        num_samples=np.int64(5),
        seed=np.uint8(3),
    )
    assert back(job) == job


@settings(max_examples=50)
@given(declared())
def test_dicts_tuples_and_constraints_come_back(found: tuple[dict[str, Any], list[str]]) -> None:
    space, constraints = found
    job = tiny_job(space=space, constraints=constraints)
    again = back(job)
    assert again == job
    assert repr(again.space) == repr(job.space), "a tuple is a tuple, True is not 1"


def test_numbers_of_numpy_come_back_as_numbers() -> None:
    job = tiny_job(
        space={
            "x": Float(np.float32(0), np.float64(1)),
            "n": np.int64(3),
            "deep": {"k": Choice(np.arange(2)), "list": [np.float64(0.5)]},
        },
        points_to_evaluate=[{"x": np.float64(0.25), "deep.k": np.int64(1)}],
    )
    assert back(job) == job
    assert job.points_to_evaluate == [{"x": 0.25, "deep.k": 1}]
    assert type(job.space["n"]) is int
    job.build_searcher()


def test_what_the_run_has_grown_to_is_what_counts() -> None:
    grown = back(
        tiny_job(),
        RunResumed(num_samples=20, max_epochs=9),
        RunResumed(num_samples=20, max_epochs=27),
    )
    assert (grown.num_samples, grown.max_epochs) == (20, 27)


def test_a_class_in_the_jobs_file_is_found_there_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MODEL_IN_THE_FILE)
    job, _ = load_job(str(file))
    again = back(job, file=file)
    assert again.model.__qualname__ == "Outer.Mine"
    assert again.model_class() is not job.model_class(), "as the file has it now"


def test_a_class_of_a_script_is_found_in_its_file(tmp_path: Path) -> None:
    """A script's own classes are in `__main__`, which is another module when it is resumed."""
    file = tmp_path / "mine.py"
    file.write_text(MODEL_IN_THE_FILE)
    declared = {**as_json(tiny_job(), file), "model": "__main__:Outer.Mine"}
    assert rebuilt(declared, []).model.__qualname__ == "Outer.Mine"


@pytest.mark.parametrize("file", [None, Path("/nowhere/mine.py")])
def test_a_job_file_that_was_moved_can_be_named(file: Path | None) -> None:
    declared = {**as_json(tiny_job(), file), "model": "__job__mine:Mine"}
    with pytest.raises(UserError, match=r"'mine:Mine' was in .*--job-file"):
        rebuilt(declared, [])


def test_a_class_that_is_no_longer_in_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MODEL_IN_THE_FILE)
    declared = {**as_json(tiny_job(), file), "model": "__job__mine:Other"}
    with pytest.raises(UserError, match=r"model 'Other' is no longer in .*mine\.py"):
        rebuilt(declared, [])


def test_an_object_of_ray_tunes_is_taken_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from ray.tune.schedulers import MedianStoppingRule\n"
        + MODEL_IN_THE_FILE.replace(
            'mode="min"',
            'mode="min", scheduler=MedianStoppingRule(time_attr="training_iteration")',
        )
    )
    job, _ = load_job(str(file))
    assert type(back(job, file=file).scheduler).__name__ == "MedianStoppingRule"


def test_a_value_that_job_json_cannot_hold_is_refused_before_the_start() -> None:
    with pytest.raises(UserError, match=r"the space has 'log' as PosixPath"):
        tiny_job(space={"x": Float(0, 1), "log": Path("here")}).validate()
