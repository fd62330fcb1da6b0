"""A user's own code in a run, and the ready callbacks for trackers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import falling, simulated, tiny_job

from tune_jobs import Callback, MLflowCallback, WandbCallback
from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Closed, Fact, Reported, Warned
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status
from tune_jobs.job.declaration import as_json, rebuilt
from tune_jobs.job.files import load_job
from tune_jobs.job.origin import Origin
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder
from tune_jobs.simulation.simulate import Epoch, VirtualClock, simulate
from tune_jobs.views.view import Views

JOB_FILE = """
from tune_jobs import Callback, Float, TuneJob

class Printing(Callback):
    def __init__(self, to):
        self.to = to

job = TuneJob(name="mine", model="tiny_model:Tiny", space={"x": Float(0, 1)}, metric="loss",
              mode="min", callbacks=[Printing("here")])
"""


class Kept(Callback):
    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def on_fact(self, fact: Fact, state: RunState) -> None:
        self.facts.append(fact)
        if isinstance(fact, Reported):
            assert state.trials[fact.trial_id].epoch == fact.epoch, "it took effect"


class Failing(Callback):
    """Wrong in every way at once."""

    def on_start(self, job: TuneJob, folder: Path) -> None:
        raise ValueError("no start")

    def on_fact(self, fact: Fact, state: RunState) -> None:
        if isinstance(fact, Warned):
            raise KeyError("even of its own warnings")
        raise ValueError(f"number {state.epochs_total}")

    def close(self) -> None:
        raise OSError("no end")


def run_with(job: TuneJob, folder: Path, curve: Any = falling) -> RunState:
    """The job in a simulator, as a driver tells its callbacks."""
    RunFolder(folder).create(job, {}, Origin())
    views, clock = Views(), VirtualClock(1.7e9)
    views.start(job.callbacks, job, folder)
    experiment = job.build_experiment()
    experiment.start(lambda f: replace(f, time=clock.now), views.on_fact)
    views.warn_by(experiment.warn)
    simulate(experiment, curve, 2, clock)
    experiment.record(Closed(status="finished"))
    views.close()
    return experiment.state


def test_a_callback_is_told_every_fact_after_it_took_effect(tmp_path: Path) -> None:
    kept = Kept()
    state = run_with(tiny_job(callbacks=[kept]), tmp_path / "run")
    assert [fact.fact for fact in kept.facts][:2] == ["opened", "suggested"]
    assert sum(isinstance(fact, Reported) for fact in kept.facts) == state.epochs_total
    assert [fact.fact for fact in kept.facts][-2:] == ["tested", "closed"]


def test_whatever_goes_wrong_in_a_callback_is_a_warning_once(tmp_path: Path) -> None:
    kept = Kept()
    alone = run_with(tiny_job(callbacks=[Kept()]), tmp_path / "alone")
    state = run_with(tiny_job(callbacks=[Failing(), kept]), tmp_path / "run")
    assert [t.best_loss for t in state.trials.values()] == [
        t.best_loss for t in alone.trials.values()
    ]
    said = sorted(warning.partition(" (")[0] for warning in state.warnings)
    assert said == [
        "Failing: KeyError: 'even of its own warnings'",
        "Failing: OSError: no end",
        "Failing: ValueError: no start",
        "Failing: ValueError: number 0",
    ]
    assert "test_callbacks.py, line" in state.warnings[0]
    assert sum(isinstance(fact, Reported) for fact in kept.facts) == state.epochs_total


def test_ctrl_c_in_a_callback_is_no_warning(tmp_path: Path) -> None:
    class Interrupted(Callback):
        def on_fact(self, fact: Fact, state: RunState) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_with(tiny_job(callbacks=[Interrupted()]), tmp_path / "run")


def test_a_resumed_run_takes_its_callbacks_from_the_jobs_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(JOB_FILE)
    job, _ = load_job(str(file))
    kept = json.loads(json.dumps(as_json(job, file)))
    assert kept["callbacks"] == ["__job__mine:Printing"]
    file.write_text(JOB_FILE.replace('"here"', '"there"'))
    (callback,) = rebuilt(kept, []).callbacks
    assert callback.to == "there"
    with pytest.raises(UserError, match=r"'mine:Printing' was in .*--job-file"):
        rebuilt({**kept, "file": "/nowhere/mine.py"}, [])


@pytest.mark.parametrize(
    ("given", "words"),
    [(Kept, "is the class Kept; give an object: Kept()"), (3, "is of class int")],
)
def test_what_is_no_callback_is_refused(given: Any, words: str) -> None:
    with pytest.raises(UserError) as refused:
        tiny_job(callbacks=[given]).validate()
    assert words in str(refused.value)
    assert " at 0x" not in str(refused.value)


def odd(config: Mapping[str, Any], epoch: int) -> Epoch:
    """One trial dies; a metric has a name that trackers do not take."""
    if config["x"] > 0.4 and epoch > 1:
        raise RuntimeError("died")
    return Epoch({"loss": config["x"] + 1 / epoch, "[a] b/c?": float("nan")}, 1.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MLflow's database, which takes seconds to make."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def test_mlflow_has_a_run_for_every_trial(tmp_path: Path, place: str) -> None:
    from mlflow import MlflowClient

    callback = MLflowCallback("trials of mine", place, tags={"who": "me"})
    job = tiny_job(
        callbacks=[callback], scheduler="fifo", max_failures=0, num_samples=6, max_epochs=4
    )
    state = run_with(job, tmp_path / "run", odd)
    assert not state.warnings
    client = MlflowClient(place)
    experiment = client.get_experiment_by_name("trials of mine")
    assert experiment
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 6
    for run in runs:
        trial = state.trials[int(run.data.tags["trial"])]
        assert (run.data.tags["job"], run.data.tags["run"]) == ("tiny", "run")
        assert run.data.tags["who"] == "me"
        assert run.data.params["x"] == str(trial.config["x"])
        failed = trial.status is Status.FAILED
        assert run.info.status == ("FAILED" if failed else "FINISHED")
        history = client.get_metric_history(run.info.run_id, "loss")
        assert [metric.step for metric in history] == list(range(1, trial.epoch + 1))
        assert run.data.metrics["best_loss"] == trial.best_loss
        was_tested = state.incumbent and state.incumbent.trial_id == trial.trial_id
        assert ("test_loss" in run.data.metrics) == was_tested
    assert {"failed"} < {run.data.tags["status"] for run in runs}


def test_mlflow_goes_on_with_the_same_runs_under_another_driver(tmp_path: Path, place: str) -> None:
    from mlflow import MlflowClient

    job = tiny_job(callbacks=[MLflowCallback(tracking_uri=place)], scheduler="pbt", num_samples=4)
    whole = simulated(curve=falling, scheduler="pbt", num_samples=4)
    RunFolder(tmp_path / "run").create(job, {}, Origin())
    half = len(whole.facts) // 2
    for facts in (whole.facts[:half], whole.facts[half:]):
        views = Views()
        views.start(job.callbacks, job, tmp_path / "run")
        for fact in facts:
            views.on_fact(fact, whole.experiment.state)
        views.close()
    client = MlflowClient(place)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment
    assert len(client.search_runs([experiment.experiment_id])) == 4


def wandb_records(file: Path) -> list[Any]:
    """Of a run that was written offline: after seven bytes a record each, behind its check sum,
    length and type."""
    from wandb.proto.wandb_internal_pb2 import Record

    found, rest = [], file.read_bytes()[7:]
    while rest:
        length = int.from_bytes(rest[4:6], "little")
        found.append(Record.FromString(rest[7 : 7 + length]))
        rest = rest[7 + length :]
    return found


def test_wandb_has_a_run_for_every_trial(tmp_path: Path) -> None:
    callback = WandbCallback("mine", mode="offline", dir=str(tmp_path), tags=["of me"])
    job = tiny_job(callbacks=[callback], max_failures=0, num_samples=3)
    state = run_with(job, tmp_path / "run", odd)
    assert not state.warnings
    for trial in state.trials.values():
        # The one that was tested is opened twice.
        files = (tmp_path / "wandb").glob(f"offline-run-*/run-run-*-{trial.trial_id:05d}.wandb")
        records = [record for file in sorted(files) for record in wandb_records(file)]
        (run, *_) = [record.run for record in records if record.HasField("run")]
        assert (run.project, run.run_group) == ("mine", "run")
        assert {"of me", "job:tiny", "run:run"} == set(run.tags)
        assert run.display_name == f"{trial.trial_id:05d} x={trial.config['x']:.4g}"
        assert sum(record.HasField("history") for record in records) == trial.epoch
        ends = {
            item.key: item.value_json
            for record in records
            for item in record.summary.update
            if item.key
        }
        assert ends["best_loss"] == str(trial.best_loss)
        assert ends["status"] == f'"{trial.status.value}"'
        was_tested = state.incumbent and state.incumbent.trial_id == trial.trial_id
        assert ("test_loss" in ends) == was_tested


def test_a_tracker_that_is_away_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    callback = MLflowCallback(tracking_uri=f"sqlite:///{tmp_path}/file/mlflow.db")
    state = run_with(tiny_job(callbacks=[callback], num_samples=2), tmp_path / "run")
    assert state.ended == 2
    assert state.warnings
    assert all(warning.startswith("MLflowCallback: ") for warning in state.warnings)
