"""A run from Python, on real Ray."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from drivers import Start, declare, facts, wait_for
from rich.console import Console
from runs import falling, run_in_folder, tiny_job
from tiny_model import Tiny

import tune_jobs
from tune_jobs import Run, UserError
from tune_jobs.experiment.facts import Reported
from tune_jobs.job.files import load_job
from tune_jobs.job.origin import Origin
from tune_jobs.models import data
from tune_jobs.simulation.simulate import Epoch
from tune_jobs.views.progress import LineProgress


def quiet() -> LineProgress:
    return LineProgress(Console(quiet=True))


def test_a_run_has_a_best_epoch_tables_and_a_name(tmp_path: Path, ray_session: None) -> None:
    job = tiny_job(num_samples=5, max_epochs=4, model=Tiny, max_concurrent=1)
    run = tune_jobs.run(job, name="first", storage=str(tmp_path), progress=quiet())
    assert (run.name, run.status) == ("first", "finished")
    trials, epochs = run.trials(), run.epochs()
    assert list(trials.trial_id) == [0, 1, 2, 3, 4]
    assert len(epochs) == run.state.epochs_total
    best = run.best
    assert best is not None
    assert best.value == epochs.loss.min() == trials.best_loss.min()
    assert best.config["x"] == trials["config/x"][best.trial_id]
    assert best.config["seed"] == 0
    assert best.test == {"test_loss": pytest.approx(best.value + 0.001)}
    model = best.load()
    assert isinstance(model, Tiny)
    assert model.epoch == best.epoch
    assert model.evaluate()["loss"] == best.value
    assert "finished" in repr(run)


def test_a_run_opened_by_name_is_the_same_and_goes_on(tmp_path: Path, ray_session: None) -> None:
    job = tiny_job(num_samples=2, max_epochs=2)
    tune_jobs.run(job, name="first", storage=str(tmp_path), progress=quiet(), num_samples=3)
    run = Run.open("first", storage=str(tmp_path))
    assert len(run.trials()) == 3
    assert Run.open(tmp_path / "first").where == run.where
    grown = run.resume(samples="+2", progress=quiet())
    assert grown is run
    assert len(run.trials()) == 5
    assert run.resume(progress=quiet()).status == "finished", "there was nothing left to do"


def test_no_run_is_made_of_a_job_that_cannot_work(tmp_path: Path) -> None:
    job = tiny_job(space={"y": tune_jobs.Float(0, 1)})
    with pytest.raises(UserError, match=r"'y'.*Tiny\.Config"):
        tune_jobs.run(job, name="first", storage=str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    run_in_folder(tmp_path / "first", tiny_job(), falling)
    with pytest.raises(UserError, match="'first' exists"):
        tune_jobs.run(tiny_job(), name="first", storage=str(tmp_path))


def test_a_best_model_whose_checkpoint_is_gone_says_so(tmp_path: Path) -> None:
    run_in_folder(tmp_path / "first", tiny_job(), falling)
    best = Run.open(tmp_path / "first").best
    assert best is not None
    with pytest.raises(UserError, match=f"checkpoint of trial {best.trial_id}"):
        best.load()


@pytest.mark.parametrize(
    "other",
    [{"metric": "other"}, {"mode": "max"}, {"best": "last"}, {"metric": "x", "samples": 12}],
)
def test_a_resume_cannot_change_what_the_trials_were_chosen_by(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    folder = run_in_folder(tmp_path / "run", tiny_job(), falling)
    journal, run = folder.journal.read_bytes(), Run.open(folder.path)
    name, value = next(iter(other.items()))
    with pytest.raises(UserError, match=f"{name} is '{value}', the run has .*warm_start"):
        run.resume(**other)
    assert folder.journal.read_bytes() == journal
    assert run.resume(metric="loss", mode="min").status == "finished", "as it was"


def test_a_run_can_be_looked_at_while_another_process_drives_it(
    tmp_path: Path, start: Start
) -> None:
    job = declare(tmp_path / "mine.py", seconds=0.3, num_samples=4, max_epochs=9)
    driver = start("run", job, "--name", "live", "--storage", tmp_path / "runs")
    folder = tmp_path / "runs" / "live"
    wait_for(lambda: folder.is_dir() and len(reports_in(folder)) > 2, driver)
    run = Run.open(folder)
    assert run.status == "running"
    seen = len(run.epochs())
    assert seen > 2
    wait_for(lambda: len(reports_in(folder)) > seen, driver)
    assert len(run.refresh().epochs()) > seen
    with pytest.raises(UserError, match="in use by process"):
        run.resume()


def reports_in(folder: Path) -> list[Any]:
    from tune_jobs.runs.folder import RunFolder

    return facts(RunFolder(folder), Reported)


def test_the_best_digits_cnn_measures_again_what_was_recorded(
    tmp_path: Path, ray_session: None
) -> None:
    job, _ = load_job("digits_cnn")
    run = tune_jobs.run(
        job, storage=str(tmp_path), progress=quiet(), num_samples=2, max_epochs=3, cpus_per_trial=1
    )
    best = run.best
    assert best is not None
    epochs = run.epochs()
    recorded = epochs[(epochs.trial_id == best.trial_id) & (epochs.epoch == best.epoch)]
    model = best.load()
    for name, value in model.evaluate().items():
        assert value == pytest.approx(recorded[name].item(), rel=1e-4)
    x, y = map(torch.from_numpy, data.load("digits", "validation"))
    right = model.predict(x).argmax(1) == y  # type: ignore[attr-defined]
    assert right.double().mean().item() == pytest.approx(recorded.val_accuracy.item(), abs=0.005)


def test_a_metric_does_not_hide_a_column_of_the_epochs(tmp_path: Path) -> None:
    def curve(config: Mapping[str, Any], epoch: int) -> Epoch:
        return Epoch({"loss": 0.5, "epoch": epoch - 1, "time": -1.0, "node": 7.0}, 1.0)

    run_in_folder(tmp_path / "first", tiny_job(scheduler="fifo"), curve)
    epochs = Run.open(tmp_path / "first").epochs()
    assert list(epochs.epoch[:9]) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert list(epochs["metric/epoch"][:9]) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert set(epochs["metric/time"]) == {-1.0} != set(epochs.time)
    assert set(epochs.node) == {""}


def test_looking_at_a_run_waits_for_neither_ray_nor_torch(tmp_path: Path) -> None:
    run_in_folder(tmp_path / "first", tiny_job(), falling)
    script = f"""
import sys
from tune_jobs import Run
run = Run.open({str(tmp_path / "first")!r})
run.best.config, run.status, repr(run)
heavy = {{"ray", "torch", "numpy", "pandas"}} & set(sys.modules)
assert not heavy, heavy
run.trials(), run.epochs()
assert not {{"ray", "torch"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_job_json_names_the_script_that_declares_the_model(
    tmp_path: Path, ray_session: None
) -> None:
    job = tiny_job(model=Tiny, num_samples=1, max_epochs=1)
    here = Path(__file__)
    run = tune_jobs.run(job, storage=str(tmp_path), progress=quiet(), origin=Origin(here))
    declared = json.loads(run.folder.declaration.read_text())
    assert declared["file"] == str(here)
    assert declared["model"] == "tiny_model:Tiny"


CHANGING_JOB = """
from tune_jobs import Float, Scheduler, TuneJob
from tune_jobs.search_algos.decisions import Continue, Stop

class Strict(Scheduler):
    def decide(self, trial_id, epoch, loss):
        return Stop("enough") if epoch == {epoch} and loss > 0.5 else Continue()

job = TuneJob(name="mine", model="tiny_model:Tiny", space={{"x": Float(0, 1)}}, metric="loss",
              mode="min", searcher="random", scheduler=Strict, num_samples=6, max_epochs=9)
"""


def test_a_run_whose_schedulers_code_changed_goes_on_only_if_asked(
    tmp_path: Path, ray_session: None
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CHANGING_JOB.format(epoch=2))
    folder = run_in_folder(tmp_path / "run", load_job(str(file))[0], falling)
    content = json.loads(folder.declaration.read_text())
    folder.declaration.write_text(json.dumps({**content, "file": str(file)}))
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[: len(lines) * 2 // 3]))
    before = folder.journal.read_bytes()
    file.write_text(CHANGING_JOB.format(epoch=3))
    with pytest.raises(UserError, match=r"line \d+ of the journal.*--accept-changes"):
        Run.open(folder.path).resume(progress=quiet())
    assert folder.journal.read_bytes() == before, "nothing was written"
    run = Run.open(folder.path).resume(progress=quiet(), accept_changes=True, max_concurrent=1)
    assert run.status == "finished"
    assert len(run.trials()) == 6
    assert not (run.trials().reason == "not resumed").any()
