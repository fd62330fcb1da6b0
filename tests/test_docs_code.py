"""The code of the README and of docs/ runs as it is written."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from pages import ROOT, block, blocks, defined
from runs import falling, run_in_folder, simulated, tiny_job

from tune_jobs.models.command import Command
from tune_jobs.models.nested import config_of
from tune_jobs.search_algos.domains import Float, Int
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.nested import nest
from tune_jobs.search_algos.space import Space, split


def test_spaces_are_as_written(tmp_path: Path) -> None:
    space, _ = split(defined(block("docs/jobs.md", "at_least"), "space"))
    assert list(space) == ["optimizer", "momentum", "layers", "dropout"]
    job = tiny_job(space=defined(block("docs/jobs.md", "Derived(lambda"), "space"))
    assert job.derived["heads"].function(SimpleNamespace(width=64)) == 2
    code = block("docs/jobs.md", "constraints = [")
    space, _ = split(defined(code, "space"), defined(code, "constraints"))
    assert not space.contains({"layers": 16, "width": 1024})
    path = tmp_path / "nested.py"
    path.write_text(block("docs/jobs.md", "class Trainer"))
    found = runpy.run_path(str(path))
    space, _ = split(found["space"])
    config = nest({"trainer.lr": 0.05, "layers": 3}, ["trainer"])
    assert space.contains({"trainer.lr": 0.05, "layers": 3})
    assert config_of(found["Config"], config).trainer.lr == 0.05


def test_ready_callbacks_are_declared_as_written() -> None:
    job = defined(block("docs/python.md", "MLflowCallback"), "job")
    kinds = [type(callback).__name__ for callback in job.callbacks]
    assert kinds == ["MLflowCallback", "WandbCallback"]


def test_a_program_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trainer.sh").write_text(block("docs/programs.md", "TUNE_JOBS_RESTORE", "sh"))
    command = defined(block("docs/programs.md", "TuneJob"), "job").space["command"]
    first, second = (
        Command(Command.Config(command=command, max_epochs=3, rate=2)) for _ in range(2)
    )
    losses = [first.train_epoch()["loss"] for _ in range(2)]
    (tmp_path / "saved").mkdir()
    first.save(tmp_path / "saved")
    second.load(tmp_path / "saved")
    assert [*losses, second.train_epoch()["loss"]] == [4, 2, 1]
    first.close()
    second.close()


def test_what_a_page_shows_of_an_example_is_in_the_example() -> None:
    examples = [path.read_text() for path in (ROOT / "examples").rglob("*.py")]
    shown = [code for code in blocks("docs/frameworks.md", "python") if "TuneSearchCV" not in code]
    assert len(shown) >= 5
    for code in shown:
        assert any(code in example for example in examples), code


def test_a_job_with_ray_tunes_methods_is_valid_as_written() -> None:
    defined(block("docs/ray-tune.md", "OptunaSearch("), "job").validate()


def test_a_searcher_of_ones_own_works_as_written() -> None:
    cls = defined(block("docs/extending.md", "class Shrinking"), "Shrinking")
    run = simulated(searcher=cls, scheduler="fifo", curve=falling, num_samples=40)
    best = min(trial.config["x"] for trial in run.trials)
    assert best < 0.02
    space = Space({"a": Float(1e-3, 1, log=True), "b": Int(1, 9)})
    assert space.contains(cls(space, 0).suggest(0, History(space)))


def test_a_scheduler_of_ones_own_works_as_written() -> None:
    cls = defined(block("docs/extending.md", "class Patience"), "Patience")
    scheduler = cls(9, Space({"x": Float(0, 1)}), 0, epochs=2)
    kinds = [
        scheduler.on_report(0, epoch, loss).kind for epoch, loss in enumerate([3, 2, 2.5, 2.4])
    ]
    assert kinds == ["continue", "continue", "continue", "stop"]


def test_the_picture_of_the_live_view_can_be_drawn_again(tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "first", tiny_job(), falling).path
    picture = tmp_path / "live.svg"
    script = Path(__file__).parent.parent / "docs" / "live_svg.py"
    subprocess.run([sys.executable, script, folder, "0.5", picture], check=True)
    drawn = picture.read_text().replace("&#160;", " ")
    ElementTree.fromstring(drawn)
    assert "best loss" in drawn
