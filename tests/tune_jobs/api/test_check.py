"""A job tried out up to its first epoch, in this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

JOB_FILE = """
import tiny_model
from tune_jobs import Done, Float, TuneJob

class Mine(tiny_model.Tiny):
    {body}

job = TuneJob(name="mine", model=Mine, space={{"x": Float(0, 1), "log": {log!r}}}, metric="loss",
              mode="min", searcher="random", num_samples=4, max_epochs=4, {fields})
"""


def declare(folder: Path, body: str = "pass", fields: str = "") -> Path:
    path = folder / "mine.py"
    path.write_text(JOB_FILE.format(body=body, log=str(folder / "log"), fields=fields))
    return path


def test_a_job_that_works_trains_one_epoch_and_leaves_nothing(
    tune_jobs: Any, tmp_path: Path
) -> None:
    path = declare(tmp_path, fields='points_to_evaluate=[{"x": 0.25}]')
    code, out, err = tune_jobs("check", path, "--name", "first")
    assert (code, err) == (0, "")
    assert "first: random × asha, 4 trials of up to 4 epochs" in out
    assert "x 0.25" in out
    assert "progress 1" in out
    assert "the job works" in out
    assert [line.split()[:2] for line in (tmp_path / "log").read_text().splitlines()] == [
        ["0.25", "1"]
    ]
    assert not (tmp_path / "storage").exists()


def test_it_uses_the_cpus_of_a_trial(tune_jobs: Any, tmp_path: Path) -> None:
    body = "def evaluate(self): import torch; return {'loss': torch.get_num_threads()}"
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        _, out, _ = tune_jobs("check", declare(tmp_path, body, "cpus_per_trial=3"))
        assert torch.get_num_threads() == 4, "this process has its own again"
    finally:
        torch.set_num_threads(before)
    assert "loss 3" in out


@pytest.mark.parametrize(
    ("body", "fields", "words"),
    [
        ("def train_epoch(self): return {'a': 1 / 0}", "", ["line 6", "1 / 0", "ZeroDivision"]),
        ("def train_epoch(self): raise SystemExit(0)", "", ["line 6", "SystemExit: 0"]),
        ("def __init__(self, config): self.epoch = 0", "", ["super().__init__(config)"]),
        ("def __init__(self, config): self.no", "", ["line 6", "self.no", "AttributeError"]),
        ("def evaluate(self): return {'loss': 'low'}", "", ["'loss' is 'low'", "a number"]),
        ("def evaluate(self): return {'los': 1.0}", "", ["'loss' was not reported", "'los'"]),
        ("def load(self, folder): int('zero')", "", ["cannot load the state", "int('zero')"]),
        ("def save(self, folder): open('/no/no', 'w')", "", ["line 6", "/no/no"]),
        ("def train_epoch(self): raise Done('all is known')", "", ["all is known"]),
        ("def reconfigure(self, config): self.no", 'scheduler="pbt"', ["self.no", "'no'"]),
        ("pass", "patience=0", ["patience is 0"]),
        ("pass", "warm_start='gone'", ["'gone'"]),
        ("pass", "folds=3", ["'fold'"]),
    ],
)
def test_what_a_run_would_fail_of_is_told_with_the_authors_line(
    tune_jobs: Any, tmp_path: Path, body: str, fields: str, words: list[str]
) -> None:
    code, out, err = tune_jobs("check", declare(tmp_path, body, fields))
    assert code == 2
    assert "the job works" not in out
    for word in words:
        assert word in err
    assert "tune_jobs/job" not in err
    assert "tune_jobs/api" not in err


def test_a_metric_that_may_still_come_is_a_note(tune_jobs: Any, tmp_path: Path) -> None:
    path = declare(tmp_path, "def evaluate(self): return {'seconds': 1.0}")
    code, out, _ = tune_jobs("check", path)
    assert code == 0
    assert "note: metric 'loss' was not reported; the model reported before, progress, sec" in out


def test_the_flags_are_those_of_run(tune_jobs: Any, tmp_path: Path) -> None:
    path = declare(tmp_path)
    assert tune_jobs("check", path, "--set", "x=0.75", "--seed", "3")[0] == 2  # nothing to search
    code, out, _ = tune_jobs("check", path, "--set", "rate=0.5", "--samples", "9", "--seed", "3")
    assert code == 0
    assert "9 trials" in out
    assert "seed 3" in out
    assert "rate 0.5" in out
    assert tune_jobs("check", path, "--metric", "progress", "--mode", "max")[0] == 0
    code, _, err = tune_jobs("check", path, "--metric", "Loss")
    assert code == 2
    assert "'Loss' was not reported; the model reported before, loss, progress" in err


FUNCTION = """
import {module}
from tune_jobs import Float, TuneJob

def train(config):
    {module}.report({{"loss": config["x"]}})
    {module}.report({{"loss": 1 / 0}})

job = TuneJob(name="mine", model=train, space={{"x": Float(0, 1)}}, metric="loss", mode="min")
"""


@pytest.mark.parametrize("module", ["tune_jobs", "ray.tune"])
def test_a_function_is_tried_up_to_its_first_report(
    tune_jobs: Any, tmp_path: Path, module: str
) -> None:
    path = tmp_path / "function.py"
    path.write_text(FUNCTION.format(module=module))
    code, out, err = tune_jobs("check", path)
    assert (code, err) == (0, "")
    assert "metrics after" in out
    path.write_text(FUNCTION.format(module=module).replace('config["x"]', "config.no"))
    code, _, err = tune_jobs("check", path)
    assert code == 2
    assert "line 6" in err
    assert "functions/session.py" not in err


def test_neither_ray_is_imported_nor_a_run_written(tmp_path: Path) -> None:
    script = """
import sys
from tune_jobs.cli.commands import cli
cli(["check", sys.argv[1]], standalone_mode=False)
assert "ray" not in sys.modules
"""
    command = [sys.executable, "-c", script, str(declare(tmp_path))]
    tests = str(Path(__file__).parents[2])
    subprocess.run(command, check=True, env={"PYTHONPATH": tests, "PATH": ""}, cwd=tmp_path)
    assert not (tmp_path / "results").exists()


def test_show_refuses_what_run_would_refuse(tune_jobs: Any, tmp_path: Path) -> None:
    code, out, err = tune_jobs("show", declare(tmp_path, fields="scheduler='ashaa'"))
    assert code == 2
    assert "0 to 1" in out
    assert "'asha'" in err
