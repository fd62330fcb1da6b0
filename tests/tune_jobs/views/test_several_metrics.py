"""A run with two metrics, in everything that shows a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.study import StudyDirection
from runs import run_in_folder, tiny_job

from tune_jobs.api.run import Run
from tune_jobs.errors import UserError
from tune_jobs.runs.checkpoints import CheckpointStore, Saved
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.warm_start import known_from
from tune_jobs.search_algos.domains import Float
from tune_jobs.simulation.simulate import Epoch
from tune_jobs.views.pages.dashboard import LiveRun
from tune_jobs.views.pages.report import write_report

METRICS: dict[str, Any] = {"metric": ["accuracy", "size"], "mode": ["max", "min"]}
JOB = tiny_job(
    space={"x": Float(0, 1), "rate": Float(1, 2)},
    searcher="evolution",
    searcher_options={"population_size": 10},
    num_samples=60,
    **METRICS,
)


def curve(config: Mapping[str, Any], epoch: int) -> Epoch:
    """The larger x, the more accurate and the larger; a rate of 2 is best for both."""
    away = 2 - config["rate"]
    accuracy = config["x"] ** 0.5 * (1 - 0.5 ** (epoch + 1)) - away
    return Epoch({"accuracy": accuracy, "size": 100 * config["x"] + 10 * away}, 1.0)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def folder(storage: Path) -> RunFolder:
    return run_in_folder(storage / "first", JOB, curve)


def test_the_front_is_the_same_in_python_and_in_the_summary(folder: RunFolder) -> None:
    run = Run.open(folder.path)
    summary = json.loads((folder.path / "summary.json").read_text())
    front = run.front
    assert len(front) > 3
    assert front[0] == run.best
    assert [best.values["accuracy"] for best in front] == sorted(
        (best.values["accuracy"] for best in front), reverse=True
    )
    for one, told in zip(front, summary["front"], strict=True):
        assert (one.trial_id, one.epoch, one.config) == tuple(
            told[name] for name in ("trial_id", "epoch", "config")
        )
        assert one.values == told["values"]
        assert one.values == curve(one.config, one.epoch).metrics
        others = [best.values for best in front if best != one]
        assert not any(
            other["accuracy"] >= one.values["accuracy"] and other["size"] <= one.values["size"]
            for other in others
        )
    assert (summary["metric"], summary["mode"]) == (METRICS["metric"], METRICS["mode"])
    assert summary["best"]["value"] == front[0].value == front[0].values["accuracy"]
    assert front[0].test is not None
    assert front[1].test is None, "only the best one was tested"


def test_each_trial_has_its_values_of_both(folder: RunFolder) -> None:
    trials = Run.open(folder.path).trials()
    rows = list(csv.DictReader((folder.path / "trials.csv").open()))
    for metric in METRICS["metric"]:
        assert list(trials[f"best_{metric}"]) == [float(row[f"best_{metric}"]) for row in rows]


def test_status_marks_the_front(folder: RunFolder, tune_jobs: Any, storage: Path) -> None:
    front = Run.open(folder.path).front
    code, out, _ = tune_jobs("status", "first", "--top", "60", "--storage", storage)
    assert code == 0
    assert f"front of {len(front)} trials" in out
    starred = [line.split()[1] for line in out.splitlines() if line.strip().startswith("*")]
    assert sorted(starred) == sorted(str(best.trial_id) for best in front)
    _, out, _ = tune_jobs("status", "first", "--json", "--storage", storage)
    assert len(json.loads(out)["front"]) == len(front)


def test_the_report_draws_the_front_and_each_metric(folder: RunFolder) -> None:
    page = write_report(folder).read_text()
    for heading in ("Pareto front", "Hyperparameters: accuracy", "Hyperparameters: size"):
        assert f"<h2>{heading}</h2>" in page
    assert "No pareto front" not in page
    assert "No hypervolume" not in page


def test_the_figures_of_a_front(folder: RunFolder) -> None:
    run = Run.open(folder.path)
    *_, best = run.plot.front().data
    assert sorted(best.x) == sorted(one.values["accuracy"] for one in run.front)
    volumes = list(run.plot.hypervolume().data[0].y)
    assert len(volumes) == 60
    assert volumes == sorted(volumes)
    assert run.plot.importance("size").data
    with pytest.raises(UserError, match="metric is 'siz'; did you mean 'size'"):
        run.plot.importance("siz")


def test_the_dashboard_knows_the_directions(folder: RunFolder) -> None:
    live = LiveRun(folder, 0)
    assert live.frozen.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert all(len(trial.values) == 2 for trial in live.trials())


def test_a_searcher_learns_from_an_earlier_run_with_both(folder: RunFolder) -> None:
    known = known_from(folder, JOB).known
    assert len(known) == 60
    (loss, *_) = known[0].losses.values()
    values = curve(known[0].config, 1).metrics
    assert loss == (-values["accuracy"], values["size"])


def test_pruning_keeps_the_checkpoints_of_the_front(tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "first", JOB, curve)
    run, store = Run.open(folder.path), CheckpointStore(folder.checkpoints)
    for trial_id, trial in run.state.trials.items():
        saved = Saved(trial_id, trial.best_epoch, {}, 0, {}, 0.0)
        store.save(saved, lambda folder: folder.joinpath("state").write_bytes(b"1"))
    assert run.prune().checkpoints == 60 - len(run.front)
    kept = {(n, epoch) for n, sizes in store.sizes().items() for epoch in sizes}
    assert kept == {(best.trial_id, best.epoch) for best in run.front}
