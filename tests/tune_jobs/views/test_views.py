"""What is left of a run, and what is seen of it: files, TensorBoard, lines, the live view."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from runs import falling, run_in_folder, simulated, tiny_job

from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import Closed, Reported, Tested
from tune_jobs.experiment.state import RunState
from tune_jobs.runs.folder import RunFolder
from tune_jobs.search_algos.domains import Choice, Float
from tune_jobs.simulation.simulate import Epoch, simulate
from tune_jobs.views.progress import LineProgress, LiveProgress, progress_view
from tune_jobs.views.texts import describe, time_left

SPACE = {"x": Float(0, 1), "trouble": Choice(["", "nan"]), "rate": 2.0}


def with_nan(config: Mapping[str, Any], epoch: int) -> Epoch:
    metrics, seconds = falling(config, epoch)
    loss = math.nan if config["trouble"] and config["x"] > 0.5 else metrics["loss"]
    return Epoch({**metrics, "loss": loss}, seconds)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_in_folder(tmp_path / "run", tiny_job(space=SPACE, seed=4), with_nan, workers=2)


def test_the_summary_adds_up(folder: RunFolder) -> None:
    summary = json.loads((folder.path / "summary.json").read_text())
    rows = list(csv.DictReader((folder.path / "trials.csv").open()))
    assert summary["trials"]["total"] == len(rows) == 10
    for status in ("completed", "stopped", "failed"):
        assert summary["trials"][status] == sum(row["status"] == status for row in rows)
    assert summary["epochs_total"] == sum(int(row["epochs"]) for row in rows)
    assert summary["epochs_full"] == 90
    assert summary["epochs_saved"] == pytest.approx(1 - summary["epochs_total"] / 90, abs=1e-4)
    assert (summary["job"], summary["run"], summary["status"]) == ("tiny", "run", "finished")
    assert (summary["metric"], summary["mode"], summary["seed"]) == ("loss", "min", 4)
    best = min((row for row in rows if row["best_loss"]), key=lambda row: float(row["best_loss"]))
    assert summary["best"]["trial_id"] == int(best["trial_id"])
    assert summary["best"]["value"] == float(best["best_loss"])
    assert summary["best"]["epoch"] == int(best["best_epoch"])
    assert summary["best"]["config"] == {
        "seed": 4,
        "rate": 2.0,
        "x": float(best["config/x"]),
        "trouble": best["config/trouble"],
    }
    assert summary["best"]["test"] == {"loss": summary["best"]["value"], "other": 18.0}
    assert summary["best"]["checkpoint"] == f"checkpoints/{int(best['trial_id']):05d}/epoch-00009"


def test_the_declaration_is_kept_as_run(folder: RunFolder) -> None:
    kept = json.loads(folder.declaration.read_text())
    assert kept["space"]["x"]["domain"] == "Float"
    assert kept["model"] == "tiny_model:Tiny"
    assert kept["constants"] == {"rate": 2.0, "seed": 4}
    assert kept["versions"]["ray"]
    assert {"git_commit", "hardware", "command", "started", "cluster"} <= kept.keys()


def test_a_run_without_any_report_has_a_summary_too(tmp_path: Path) -> None:
    def dies(config: Mapping[str, Any], epoch: int) -> Epoch:
        raise RuntimeError("Traceback ...\nValueError: no data")

    folder = run_in_folder(tmp_path / "run", tiny_job(max_failures=0, num_samples=2), dies)
    summary = json.loads((folder.path / "summary.json").read_text())
    assert summary["best"] is None
    assert summary["trials"]["failed"] == 2
    row = next(csv.DictReader((folder.path / "trials.csv").open()))
    assert "ValueError: no data" in row["error"]


def shown(**options: Any) -> str:
    job = tiny_job(space=SPACE, max_failures=1, seed=1)
    screen = io.StringIO()
    view = progress_view(job, Console(file=screen, width=120, **options))

    def dies_once(config: Mapping[str, Any], epoch: int) -> Epoch:
        if config["x"] > 0.7:
            raise RuntimeError("no memory")
        return with_nan(config, epoch)

    experiment = job.build_experiment()
    experiment.start(lambda fact: fact, view.on_fact)
    simulate(experiment, dies_once, 2)
    experiment.record(Closed(status="finished"))
    view.close()
    return screen.getvalue()


def test_elsewhere_than_in_a_terminal_every_event_is_a_line() -> None:
    text = shown()
    lines = text.splitlines()
    assert any("best loss" in line and "(trial 0, epoch 1)" in line for line in lines)
    assert any("stopped: rank " in line for line in lines)
    assert any("the metric is NaN" in line for line in lines)
    assert any("completed: trained 9 epochs" in line for line in lines)
    assert any("restarts from the beginning: no memory" in line for line in lines)
    assert any("failed: no memory" in line for line in lines)
    assert "trials 10/10" in lines[-1]
    assert "stopped early" in lines[-1]
    assert "tested trial" in lines[-1]
    assert any("left]" in line for line in lines)
    assert "\x1b" not in text


def test_a_model_without_a_test_is_not_called_tested() -> None:
    state = tiny_job().build_experiment().state
    fact = Tested(trial_id=3, epoch=1, metrics={})
    assert describe(fact, state) == "no final test: the model has none"


def test_in_a_terminal_the_live_view_ends_with_everything_counted() -> None:
    text = shown(force_terminal=True, color_system=None)
    assert "10/10" in text
    assert "trials 10/10" in text
    assert "best loss" in text
    assert "failed: no memory" in text


def test_the_view_follows_the_place() -> None:
    job = tiny_job()
    elsewhere = progress_view(job, Console(file=io.StringIO()))
    assert isinstance(elsewhere, LineProgress)
    terminal = progress_view(job, Console(file=io.StringIO(), force_terminal=True))
    terminal.close()
    assert isinstance(terminal, LiveProgress)


def test_the_time_left_is_a_share_of_the_time_so_far() -> None:
    run = simulated(scheduler="fifo", curve=falling, workers=1)
    state = RunState(tiny_job().objective, Extent(10, 9))
    said = []
    for fact in run.facts:
        state.apply(fact)
        if isinstance(fact, Reported) and fact.epoch == 9:
            said.append(time_left(state))
    assert said[4] == "about 0:44 left"  # 44 s from the first report on for 5 of 10
    assert said[-1] == ""
