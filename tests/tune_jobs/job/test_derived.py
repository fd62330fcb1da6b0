"""Values of a config that are computed from the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from runs import begun, falling, run_in_folder, state_of, tiny_job

from tune_jobs import Choice, Derived, Float, Int, Run
from tune_jobs.errors import UserError
from tune_jobs.job.building import Builder
from tune_jobs.job.declaration import as_json, rebuilt
from tune_jobs.job.files import load_job
from tune_jobs.job.overrides import override
from tune_jobs.search_algos.base import generator
from tune_jobs.search_algos.domains import SpaceError
from tune_jobs.search_algos.domains.values import untagged
from tune_jobs.simulation.simulate import simulate

SPACE = {
    "x": Float(0, 1),
    "scale": 3,
    "rate": Derived(lambda c: c.scale * c["x"]),
    "seconds": Derived(lambda c: c.rate / 1e6),
}
FILE = """
from tune_jobs import Derived, Float, TuneJob

def tenth(config):
    return config.x / 10

job = TuneJob(
    name="mine", model="tiny_model:Tiny", space={{"x": Float(0, {high}), "rate": {rate}}},
    metric="loss", mode="min", searcher="random",
)
"""


def function(config: Any) -> None:
    """A training function, which accepts any name."""


def through_json(job: Any, file: Path | None) -> Any:
    return json.loads(json.dumps(as_json(job, file)), object_hook=untagged)


def test_they_follow_the_others_in_order_and_nobody_searches_them() -> None:
    job = tiny_job(model=function, space=SPACE)
    job.validate()
    assert list(job.domains) == ["x"]
    assert "rate" not in job.constants()
    config = Builder.of(job).config({"x": 0.5})
    assert (config.rate, config.seconds) == (1.5, 1.5e-6)


def test_in_dicts_and_with_conditions() -> None:
    space = {
        "kind": Choice(["a", "b"]),
        "depth": Int(1, 4, when={"kind": "a"}),
        "trainer": {"lr": 0.5, "warmup": Derived(lambda c: c.trainer.lr * c.get("depth", 0))},
    }
    builder = Builder.of(tiny_job(model=function, space=space))
    assert builder.config({"kind": "a", "depth": 2}).trainer == {"lr": 0.5, "warmup": 1.0}
    assert builder.config({"kind": "b"}).trainer == {"lr": 0.5, "warmup": 0.0}


def test_a_resume_has_the_space_of_the_start_and_the_function_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    for rate, expected in (("Derived(lambda c: c.x / 10)", 0.05), ("Derived(tenth)", 0.05)):
        path.write_text(FILE.format(high=1, rate=rate))
        content = through_json(override(load_job(str(path))[0], {"seed": 4}), path)
        assert content["space"]["rate"]["derived"].endswith(("<lambda>", "tenth"))
        path.write_text(FILE.format(high=9, rate=rate))  # the space of the file has changed
        again = rebuilt(content, [])
        assert again.space["x"] == Float(0, 1)
        assert Builder.of(again).config({"x": 0.5}).rate == expected
    path.write_text(FILE.format(high=1, rate="2.0"))
    with pytest.raises(UserError, match="no Derived for it now"):
        rebuilt(content, []).validate()
    path.unlink()
    with pytest.raises(UserError, match="--job-file"):
        rebuilt(content, [])


def test_the_job_at_hand_has_the_function_too() -> None:
    job = tiny_job(space=SPACE)
    again = rebuilt(through_json(job, None), [], job)
    assert again.space == SPACE


def test_a_function_that_fails_is_named_before_the_run() -> None:
    job = tiny_job(space={"x": Float(0, 1), "rate": Derived(lambda c: c.widht)})
    with pytest.raises(UserError, match=r"'rate' is Derived: .*'widht'"):
        job.validate()
    with pytest.raises(UserError, match="wrong"):
        tiny_job(space={"x": Float(0, 1), "wrong": Derived(lambda c: 1)}).validate()
    with pytest.raises(SpaceError, match="3"):
        Derived(3)  # type: ignore[arg-type]


def test_numbers_that_are_drawn_do_not_change() -> None:
    plain = tiny_job(space={"x": Float(0, 1)}).domains
    derived = tiny_job(space=SPACE).domains
    assert plain.sample(generator("a", 0)) == derived.sample(generator("a", 0))


def test_they_are_in_the_tables_and_in_the_best_config(tmp_path: Path) -> None:
    space = {"x": Float(0, 1), "net": {"rate": Derived(lambda c: 2 * c.x)}}
    run = Run.open(run_in_folder(tmp_path / "run", tiny_job(space=space), falling).path)
    table = run.trials()
    assert list(table["config/net.rate"]) == [2 * x for x in table["config/x"]]
    assert "config/net.rate" in (tmp_path / "run" / "trials.csv").read_text().splitlines()[0]
    assert run.best is not None
    assert run.best.config["net.rate"] == 2 * run.best.config["x"]


def test_a_clone_has_those_of_its_own_config() -> None:
    job = tiny_job(model=function, space=SPACE, scheduler="pbt", num_samples=6)
    run = begun(job)
    simulate(run.experiment, falling, 2, run.clock)
    state = state_of(job, run.facts)
    assert any(trial.lineage for trial in state.trials.values())
    for trial in state.trials.values():
        assert trial.derived["rate"] == 3 * trial.config["x"]
        assert trial.best_derived["rate"] == 3 * trial.best_config["x"]


def test_what_no_journal_can_hold_is_left_out() -> None:
    space = {"x": Float(0, 1), "kind": Derived(lambda c: Path), "rate": Derived(lambda c: c.x)}
    run = begun(tiny_job(model=function, space=space))
    run.experiment.next()
    (trial,) = run.trials
    assert trial.derived == {"rate": trial.config["x"]}
    failing = {"x": Float(0, 1), "rate": Derived(lambda c: 1 / 0)}
    run = begun(tiny_job(model=function, space=failing))
    run.experiment.next()
    assert run.trials[0].derived == {}, "its worker says why"
