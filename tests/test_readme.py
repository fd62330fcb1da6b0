"""The README's code is run, and what it quotes is compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from runs import falling, simulated

from tune_jobs.api.run import run
from tune_jobs.cli.methods import methods_markdown
from tune_jobs.job.files import load_job
from tune_jobs.search_algos.domains import Float, Int
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Space

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def block(word: str) -> str:
    (found,) = [text for text in BLOCKS if word in text]
    return str(found)


def defined(code: str, name: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(code, namespace)
    return namespace[name]


def test_the_job_it_shows_is_the_ready_job() -> None:
    assert block('name="digits_cnn"') == (ROOT / "tune_jobs/jobs/digits_cnn.py").read_text()


def test_a_model_of_ones_own_runs_as_written(tmp_path: Path, ray_session: None) -> None:
    path = tmp_path / "line.py"
    path.write_text(block("class Line"))
    declared, _ = load_job(str(path))
    done = run(declared, name="run", storage=str(tmp_path), max_concurrent=1)
    assert done.best is not None
    assert done.best.test is not None
    assert done.best.test["test_loss"] < 0.1


def test_its_tables_of_methods_are_those_of_the_classes() -> None:
    """`tune-jobs methods --markdown` prints them anew."""
    (quoted,) = re.findall(r"<!-- methods -->\n\n(.*?)\n\n<!-- /methods -->", README, re.DOTALL)
    assert quoted == methods_markdown()


def test_a_ray_tune_script_with_our_methods_runs_as_written(
    tmp_path: Path, ray_session: None
) -> None:
    from ray import tune

    tuner = defined(block("RaySearcher("), "tuner")
    tuner._local_tuner._run_config = tune.RunConfig(storage_path=str(tmp_path), verbose=0)
    results = tuner.fit()
    assert len(results) == 8
    assert not results.errors
    assert results.get_best_result().config["x"] == pytest.approx(0.3, abs=0.2)


def test_a_searcher_of_ones_own_works_as_written() -> None:
    cls = defined(block("class Shrinking"), "Shrinking")
    run = simulated(searcher=cls, scheduler="fifo", curve=falling, num_samples=40)
    best = min(trial.config["x"] for trial in run.trials)
    assert best < 0.02
    space = Space({"a": Float(1e-3, 1, log=True), "b": Int(1, 9)})
    assert space.contains(cls(space, 0).suggest(0, History()))


def test_a_scheduler_of_ones_own_works_as_written() -> None:
    cls = defined(block("class Patience"), "Patience")
    scheduler = cls(9, Space({"x": Float(0, 1)}), 0, epochs=2)
    kinds = [
        scheduler.on_report(0, epoch, loss).kind for epoch, loss in enumerate([3, 2, 2.5, 2.4])
    ]
    assert kinds == ["continue", "continue", "continue", "stop"]


@pytest.mark.parametrize("path", re.findall(r"`python (benchmarks/\S+\.py)`", README))
def test_every_command_behind_a_figure_is_there(path: str) -> None:
    assert (ROOT / path).is_file()
