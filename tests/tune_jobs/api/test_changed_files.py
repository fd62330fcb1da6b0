"""A resume tells what has changed in the job file since the run began, and only that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from runs import falling, run_in_folder

from tune_jobs import Run
from tune_jobs.job.files import load_job
from tune_jobs.job.origin import Origin
from tune_jobs.job.overrides import override

OWN_CODE = """
from tune_jobs import Callback, Choice, Derived, Float, Int, Scheduler, TuneJob, report
from tune_jobs.search_algos.decisions import Continue

def train(config):
    report({"loss": config.x})

class Mine(Scheduler):
    def __init__(self, *given, thing):
        super().__init__(*given)

    def decide(self, trial_id, epoch, loss):
        return Continue()

class Quiet(Callback):
    pass

class Thing:
    pass

job = TuneJob(
    name="mine",
    model=train,
    space={
        "x": Float(1e-5, 1, log=True),
        "y": Derived(lambda config: 2 * config.x),
        "deep": {"n": Int(1, 9), "kind": Choice([1, 2])},
        "place": {"a": 1, "b": (3, 4)},
    },
    metric="loss",
    mode="min",
    searcher="hyperopt",
    scheduler=Mine,
    scheduler_options={"thing": Thing()},
    stop=lambda trial_id, metrics: metrics["loss"] < 0,
    callbacks=[Quiet()],
    num_samples=3,
    max_epochs=9,
)
"""
NAMES = """
from tune_jobs import Float, TuneJob

job = TuneJob(
    name="mine",
    model="command",
    space={"command": "train {x} {y}", "x": Float(0, 1), "y": Float(0, 1)},
    metric="loss",
    mode="min",
    searcher="random",
    num_samples=3,
    max_epochs=9,
)
"""
YAML = """
model: command
space: {command: "train {x} {y}", x: {float: [0, 1]}, y: {float: [0, 1]}}
metric: loss
mode: min
searcher: random
num_samples: 3
"""
FILES = [("mine.py", OWN_CODE), ("mine.py", NAMES), ("mine.yaml", YAML)]


def finished(file: Path, text: str, *settings: str, **fields: Any) -> Run:
    """A run of a job file, with what a command line changes in the job."""
    file.write_text(text)
    job, module = load_job(str(file))
    now, origin = override(job, fields, settings), Origin.of(job, module)
    return Run.open(run_in_folder(file.parent / "first", now, falling, origin=origin).path)


def told(run: Run, capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    """What a resume warns of. The run has nothing left to do."""
    declared = run.folder.declaration.read_bytes()
    capsys.readouterr()
    run.resume(**options)
    assert run.folder.declaration.read_bytes() == declared
    _, warning, rest = "".join(capsys.readouterr()).partition("warning")
    return warning + rest


@pytest.mark.parametrize(("name", "text"), FILES)
def test_a_file_that_did_not_change_is_no_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    run = finished(tmp_path / name, text)
    assert told(run, capsys) == ""
    moved = (tmp_path / name).rename(tmp_path / f"moved_{name}")
    assert told(run, capsys, job_file=str(moved)) == ""


@pytest.mark.parametrize(("name", "text"), FILES)
def test_neither_is_what_the_command_line_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    run = finished(tmp_path / name, text, "x=0.5", num_samples=8, searcher="random", seed=4)
    assert told(run, capsys) == ""
    (tmp_path / name).write_text(text.replace("um_samples=3", "um_samples=8"))
    assert told(run, capsys) == "", "the run has what the file has by now"


def test_a_script_is_another_module_when_it_is_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path / "mine.py", OWN_CODE)
    file = run.folder.declaration
    file.write_text(file.read_text().replace("__job__mine:", "__main__:"))
    assert told(Run.open(run.folder.path), capsys) == ""


def test_each_change_is_told_with_both_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path / "mine.py", OWN_CODE, num_samples=8)
    changed = OWN_CODE
    for old, new in (
        ("1e-5, 1, log=True", "1e-5, 0.5, log=True"),
        ("Int(1, 9)", "Int(1, 99)"),
        ('"kind": Choice([1, 2])', '"sort": Choice([True, 2])'),
        ("(3, 4)", "(3, 5)"),
        ('"loss",\n', '"accuracy",\n'),
        ('mode="min"', 'mode="max"'),
        ('"hyperopt"', '"random"'),
        ("num_samples=3", "num_samples=4, seed=1"),
    ):
        assert old in changed
        changed = changed.replace(old, new)
    (tmp_path / "mine.py").write_text(changed)
    first, *lines, last = told(run, capsys).splitlines()
    assert "continues with what was recorded" in first
    assert lines[:-1] == [
        "  space.x is Float(1e-05, 1, log=True), and in the job file Float(1e-05, 0.5, log=True)",
        "  space.deep.n is Int(1, 9), and in the job file Int(1, 99)",
        "  space.deep.kind is Choice([1, 2]), and in the job file not there",
        "  space.place is {'a': 1, 'b': (3, 4)}, and in the job file {'a': 1, 'b': (3, 5)}",
        "  metric is 'loss', and in the job file 'accuracy'",
        "  mode is 'min', and in the job file 'max'",
        "  searcher is 'hyperopt', and in the job file 'random'",
        "  num_samples is 8, and in the job file 4",
        "  seed is 0, and in the job file 1",
        "  space.deep.sort is not there, and in the job file Choice([True, 2])",
    ]
    assert "--warm-start" in lines[-1]
    assert str(run.folder.where) in lines[-1]
    assert "resume --help" in lines[-1] + last


def test_callbacks_are_told_by_their_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path / "mine.py", NAMES)
    quiet = "from tune_jobs import Callback\n\nclass Quiet(Callback):\n    pass\n"
    text = NAMES.replace("    metric=", "    callbacks=[Quiet()],\n    metric=")
    (tmp_path / "mine.py").write_text(quiet + text)
    assert "callbacks is [], and in the job file ['Quiet']" in told(run, capsys)


@pytest.mark.parametrize(("name", "text"), FILES[1:])
def test_a_file_that_is_only_read_for_this_may_be_gone_but_not_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    run = finished(tmp_path / name, text)
    (tmp_path / name).write_text(text.replace("loss", "test_loss"))
    assert "metric is 'loss', and in the job file 'test_loss'" in told(run, capsys)
    (tmp_path / name).write_text(f"{text}}}")
    assert name in told(run, capsys)
    (tmp_path / name).unlink()
    assert told(run, capsys) == ""


def test_code_is_taken_from_the_file_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path / "mine.py", OWN_CODE)
    text = OWN_CODE.replace("2 * config.x", "3 * config.x").replace("< 0", "< -1")
    (tmp_path / "mine.py").write_text(text.replace("callbacks=[Quiet()]", "callbacks=[]"))
    assert told(run, capsys) == ""


def test_a_run_that_does_not_know_its_file_as_it_was_tells_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path / "mine.py", NAMES, num_samples=8)
    content = json.loads(run.folder.declaration.read_text())
    assert content.pop("replaced") == {"num_samples": 3}
    run.folder.declaration.write_text(json.dumps(content))
    assert told(Run.open(run.folder.path), capsys) == ""


def test_a_job_that_a_script_makes_of_its_own_is_not_that_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(NAMES)
    job, module = load_job(str(tmp_path / "mine.py"))
    made = override(job, {"seed": 3})
    assert Origin.of(made, module) == Origin(tmp_path / "mine.py")
    assert Origin.of(job, module).job is job
