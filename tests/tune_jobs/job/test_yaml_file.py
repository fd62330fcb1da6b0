"""A job in a YAML file is the job that it would be in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pages import blocks
from runs import falling, run_in_folder

from tune_jobs import Choice, Float, Int, TuneJob, UserError
from tune_jobs.job.declaration import rebuilt
from tune_jobs.job.files import load_job

YAML = """# Tunes something small.
# In a moment.

model: my_models:Mine
space:
  x: {float: [1e-3, 1], log: true}
  layers: {int: [1, 8]}
  kind: {choice: [on, 1e-4, null, true]}
  rate:
    float: [0.5, 1.5]
    step: 0.5
    when: {kind: on}
  seconds: 0
metric: loss
mode: min
searcher: random
scheduler_options: {grace_period: 2}
stop: {loss: 1e-2}
num_samples: 5
max_epochs: 9
"""
MODELS = """
from dataclasses import dataclass
import tiny_model

class Mine(tiny_model.Tiny):
    @dataclass(frozen=True)
    class Config(tiny_model.Tiny.Config):
        layers: int = 1
        kind: object = None
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "my_models.py").write_text(MODELS)
    path = tmp_path / "small.yaml"
    path.write_text(YAML)
    return path


def test_it_is_the_job_that_it_would_be_in_python(file: Path) -> None:
    job, module = load_job(str(file))
    assert module.__doc__ == "Tunes something small.\nIn a moment."
    assert job == TuneJob(
        name="small",
        model="my_models:Mine",
        space={
            "x": Float(1e-3, 1, log=True),
            "layers": Int(1, 8),
            "kind": Choice(["on", 1e-4, None, True]),
            "rate": Float(0.5, 1.5, step=0.5, when={"kind": "on"}),
            "seconds": 0,
        },
        metric="loss",
        mode="min",
        searcher="random",
        scheduler_options={"grace_period": 2},
        stop={"loss": 0.01},
        num_samples=5,
        max_epochs=9,
    )


def test_a_value_may_be_merged_into_another(file: Path) -> None:
    file.write_text(
        YAML.replace("x: {", "x: &range {").replace("seconds: 0", "y: {<<: *range, float: [1, 2]}")
    )
    space = load_job(str(file))[0].space
    assert (space["x"], space["y"]) == (Float(1e-3, 1, log=True), Float(1, 2, log=True))


def test_the_commands_take_it(tune_jobs: Any, file: Path) -> None:
    code, out, _ = tune_jobs("show", file)
    assert code == 0
    assert "Tunes something small." in out
    code, out, _ = tune_jobs("check", file, "--set", "x=0.25")
    assert code == 0
    assert "x 0.25" in out


def test_its_run_can_be_resumed(file: Path, tmp_path: Path) -> None:
    job, _ = load_job(str(file))
    folder = run_in_folder(tmp_path / "run", job, falling)
    content = {**folder.read_job_json(), "file": str(file)}
    again = rebuilt(json.loads(json.dumps(content)), [])
    assert again == job
    assert again.model_class().__name__ == "Mine"
    moved = file.rename(tmp_path / "other.yml")
    assert rebuilt({**content, "file": str(moved)}, []) == job


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("mode: min", "mode: best", ["mode is 'best'", "'min' or 'max'"]),
        ("metric: loss", "metrik: loss", ["'metrik' is not a field", "'metric'"]),
        ("metric: loss\n", "", ["needs 'metric'"]),
        ("{float: [1e-3, 1], log: true}", "{float: 3}", ["'x' is {'float': 3}", "[low, high]"]),
        ("{float: [1e-3, 1], log: true}", "{float: [1, 2, 3]}", ["'x'", "two numbers"]),
        ("{float: [1e-3, 1], log: true}", "{float: [a, b]}", ["'x'", "two numbers"]),
        ("{float: [1e-3, 1], log: true}", "{float: [1, 0]}", ["the range is inverted"]),
        ("{float: [1e-3, 1], log: true}", "{float: [0, 1], logg: true}", ["'logg'", "'log'"]),
        ("{float: [1e-3, 1], log: true}", "{flaot: [0, 1]}", ["'x' is", "{float: [low, high]}"]),
        ("{float: [1e-3, 1], log: true}", "{min: 0, max: 1}", ["'x' is", "{float: [low, high]}"]),
        ("{int: [1, 8]}", "{int: [1, 2.5]}", ["2.5 is not a whole number"]),
        ("{int: [1, 8]}", "{int: [1, 8], float: [1, 8]}", ["'layers' is"]),
        ("mode: min", "mode: min\nmode: max", ["'mode' is there twice", "small.yaml", "line 16"]),
        ("mode: min", "mode: [min", ["is not YAML", "line"]),
        (YAML, "- a list", ["['a list']", "model: ..."]),
        (YAML, "", ["None", "model: ..."]),
        ("seconds: 0", "seconds: &all {deep: *all}", ["an anchor", "itself"]),
        (YAML, "1: 2", ["whose name is not a text"]),
        ("mode: min", "mode: !!python/object:os.system x", ["is not YAML"]),
    ],
)
def test_what_is_wrong_is_one_message_with_the_file(
    file: Path, was: str, now: str, words: list[str]
) -> None:
    file.write_text(YAML.replace(was, now))
    with pytest.raises(UserError) as error:
        load_job(str(file))
    for word in [str(file), *words]:
        assert word in str(error.value)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match=r"'job.yml' does not exist"):
        load_job("job.yml")


def test_the_one_in_the_documentation_is_valid(tmp_path: Path) -> None:
    (shown,) = blocks("docs/jobs.md", "yaml")
    path = tmp_path / "my_job.yaml"
    path.write_text(shown)
    load_job(str(path))[0].validate()
