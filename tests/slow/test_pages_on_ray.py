"""The code of the README and of docs/ that needs Ray runs as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import block, defined
from sklearn.datasets import load_iris

from tune_jobs import run as run_job
from tune_jobs.job.files import load_job


@pytest.mark.timeout(300)
def test_runs_from_python_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray_session: None
) -> None:
    """But for their size."""
    small = {'name="first"': 'name="first", num_samples=2, max_epochs=3', '"+20"': '"+1"'}
    code = block("README.md", "import tune_jobs\n").replace('"third"', '"first"')
    for text, smaller in small.items():
        assert text in code
        code = code.replace(text, smaller, 1)
    run = defined(code, "run")
    assert len(run.trials()) == 3
    assert defined(block("docs/python.md", "sort_values"), "best").trial_id == run.best.trial_id
    classes = defined(block("docs/python.md", "predict"), "classes")
    assert set(classes.tolist()) <= set(range(10))


def test_a_callback_of_ones_own_works_as_written(tmp_path: Path, ray_session: None) -> None:
    job = defined(block("docs/python.md", "BestSoFar"), "job")
    run = run_job(job, storage=str(tmp_path), num_samples=1, max_epochs=2)
    lines = (run.folder.path / "best.txt").read_text().splitlines()
    assert lines[-1] == f"trial 0: {run.best.value}"  # type: ignore[union-attr]
    assert not run.state.warnings


def test_a_model_of_ones_own_runs_as_written(tmp_path: Path, ray_session: None) -> None:
    path = tmp_path / "line.py"
    path.write_text(block("docs/models.md", "class Line"))
    declared, _ = load_job(str(path))
    done = run_job(declared, name="run", storage=str(tmp_path), max_concurrent=1)
    assert done.best is not None
    assert done.best.test is not None
    assert done.best.test["test_loss"] < 0.1


@pytest.mark.parametrize(
    ("page", "word"),
    [("docs/functions.md", "def test"), ("docs/ray-tune.md", "def train(config, d")],
)
def test_a_training_function_runs_as_written(
    page: str, word: str, tmp_path: Path, ray_session: None
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(block(page, word))
    declared, _ = load_job(str(path))
    done = run_job(declared, name="run", storage=str(tmp_path), num_samples=4)
    assert done.best is not None
    assert not done.state.warnings
    tested = {"docs/functions.md": ["test_loss"], "docs/ray-tune.md": []}[page]
    assert list(done.best.test or {}) == tested


def test_a_search_of_scikit_learn_works_as_written(ray_session: None) -> None:
    search = defined(block("docs/frameworks.md", "TuneSearchCV("), "search")
    x, y = load_iris(return_X_y=True)
    search.set_params(num_samples=2).fit(x, y)
    assert search.run_.name == "pipeline"
    assert search.predict(x).shape == y.shape


@pytest.mark.timeout(300)
def test_a_ray_tune_script_with_our_methods_runs_as_written(
    tmp_path: Path, ray_session: None
) -> None:
    from ray import tune

    tuner = defined(block("docs/ray-tune.md", "RaySearcher("), "tuner")
    tuner._local_tuner._run_config = tune.RunConfig(storage_path=str(tmp_path), verbose=0)
    results = tuner.fit()
    assert len(results) == 8
    assert not results.errors
    assert results.get_best_result().config["x"] == pytest.approx(0.3, abs=0.2)
