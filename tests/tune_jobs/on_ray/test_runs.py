"""Jobs on real Ray: real processes, real files, real signals."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from finished import run_job
from runs import tiny_job
from tiny_model import Tiny

from tune_jobs import Callback
from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Fact, Reported
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status
from tune_jobs.job.files import load_job
from tune_jobs.job.overrides import override
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.journal import read
from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.views.result import OF_ONE_EXECUTION

pytestmark = pytest.mark.usefixtures("ray_session")


def epochs_trained(log: Path) -> Counter[tuple[str, str]]:
    """How often each epoch of each trial was trained: ``x epoch`` of every line of the log."""
    lines = [line.split() for line in log.read_text().splitlines()]
    return Counter((x, epoch) for x, epoch, _ in lines)


def processes(log: Path) -> set[str]:
    return {line.split()[2] for line in log.read_text().splitlines()}


def test_two_runs_with_one_seed_and_one_trial_at_a_time_are_equal(tmp_path: Path) -> None:
    space = {"x": Float(0, 1), "trouble": Choice(["", "nan"]), "rate": Float(0.5, 2)}
    job = tiny_job(searcher="hyperopt", space=space, max_concurrent=1, num_samples=25, seed=3)
    tables = []
    for name in ("first", "second"):
        done = run_job(tmp_path / name, job)
        assert done.summary["trials"]["failed"] == 0
        tables.append([{**row, **dict.fromkeys(OF_ONE_EXECUTION, "")} for row in done.rows])
    assert tables[0] == tables[1]
    assert len(tables[0]) == 25
    assert len({row["status"] for row in tables[0]}) == 2


def test_folds_are_the_epochs_of_a_trial_and_bad_ones_get_fewer(tmp_path: Path) -> None:
    job = TuneJob(
        name="folds",
        model="tree",
        space={"dataset": "digits", "levels": Int(1, 6)},
        metric="val_accuracy",
        mode="max",
        searcher="random",
        folds=3,
        max_epochs=2,
        num_samples=6,
    )
    done = run_job(tmp_path / "run", job)
    epochs = Counter(trial.epoch for trial in done.trials)
    assert epochs.keys() == {1, 3}, "asha stops after a fold"
    best = max((t for t in done.trials if t.epoch == 3), key=lambda t: t.metrics["val_accuracy"])
    assert done.summary["best"]["trial_id"] == best.trial_id
    assert done.summary["best"]["epoch"] == 3
    spread = best.metrics["val_accuracy_std"]
    assert 0 < spread < 0.1
    assert done.summary["best"]["spread"] == spread
    assert float(done.rows[best.trial_id]["last_val_accuracy_std"]) == spread
    assert f"best val_accuracy {done.summary['best']['value']:.4g} ± {spread:.4g} (" in done.said
    assert done.summary["best"]["test"]["test_accuracy"] == pytest.approx(
        best.metrics["val_accuracy"], abs=0.1
    )


def test_actors_are_reused_and_slots_are_filled(tmp_path: Path) -> None:
    log = tmp_path / "log"
    space = {"x": Float(0, 1), "log": str(log), "seconds": 0.02}
    done = run_job(tmp_path / "run", tiny_job(scheduler="fifo", space=space))
    assert {trial.status for trial in done.trials} == {Status.COMPLETED}
    assert len(processes(log)) == 2, "one process per slot, for all trials"
    started = [fact.fact for fact in done.facts][:4]
    assert started == ["opened", "suggested", "suggested", "reported"], "sampled when asked for"
    assert set(epochs_trained(log).values()) == {1}
    assert done.state.tested is not None
    assert done.summary["best"]["test"]["test_loss"] == pytest.approx(
        done.summary["best"]["value"] + 0.001
    )


def test_an_epoch_that_was_saved_but_not_reported_is_not_trained_again(tmp_path: Path) -> None:
    """The worker dies between writing a checkpoint and reporting it."""
    log = tmp_path / "log"
    space = {"x": Float(0, 1), "log": str(log), "once": str(tmp_path / "died")}
    job = tiny_job(
        model="troubled_models:DiesAfterSaving", scheduler="fifo", space=space, num_samples=2
    )
    done = run_job(tmp_path / "run", job)
    assert (tmp_path / "died").exists()
    assert {trial.status for trial in done.trials} == {Status.COMPLETED}
    assert sorted(trial.failures for trial in done.trials) == [0, 1]
    assert set(epochs_trained(log).values()) == {1}
    assert len([fact for fact in done.facts if isinstance(fact, Reported)]) == 2 * 9


def test_a_misspelt_metric_ends_the_run_at_the_first_epoch(tmp_path: Path) -> None:
    space = {"x": Float(0, 1), "log": str(tmp_path / "log"), "trouble": "silent"}
    with pytest.raises(UserError) as error:
        run_job(tmp_path / "run", tiny_job(space=space, metric="val_loss"))
    assert "'val_loss' was not reported" in str(error.value)
    assert "progress, val_los: did you mean 'val_los'" in str(error.value)
    assert {epoch for _, epoch in epochs_trained(tmp_path / "log")} == {"1"}
    assert list((tmp_path / "run").glob("checkpoints/*/epoch-*")) == []
    facts = list(read(tmp_path / "run" / "journal.jsonl"))
    assert not any(isinstance(fact, Reported) for fact in facts)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "failed"


def test_a_metric_that_comes_now_and_then_is_enough(tmp_path: Path) -> None:
    """A person is told at the first epoch, in case that it never comes."""
    job = tiny_job(model="troubled_models:NowAndThen", num_samples=4, scheduler="fifo")
    done = run_job(tmp_path / "run", job)
    assert {(trial.status, trial.epoch) for trial in done.trials} == {(Status.COMPLETED, 9)}
    assert done.state.incumbent is not None
    assert done.state.incumbent.epoch % 2 == 0
    told = [text for text in done.state.warnings if "'loss' was not reported" in text]
    assert 1 <= len(told) <= 2, "by each worker once"
    assert "epoch 1" in told[0]


def test_missing_data_end_the_run_with_the_models_own_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"put digits\.csv into /data"):
        run_job(tmp_path / "run", tiny_job(model="troubled_models:NeedsData"))


def test_more_gpus_than_there_are_start_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1 CPU, 64 GPUs.*2 CPUs, 0 GPUs"):
        run_job(tmp_path / "run", tiny_job(gpus_per_trial=64))
    with pytest.raises(UserError, match="3 CPUs"):
        run_job(tmp_path / "run", tiny_job(cpus_per_trial=3))
    assert not (tmp_path / "run").exists()


def test_paused_trials_give_their_slot_away_and_come_back(tmp_path: Path) -> None:
    log = tmp_path / "log"
    space = {"x": Float(0, 1), "log": str(log)}
    job = tiny_job(scheduler="odd_schedulers:Puller", space=space, num_samples=4)
    done = run_job(tmp_path / "run", job)
    assert {trial.status for trial in done.trials} == {Status.COMPLETED}
    names = [fact.fact for fact in done.facts]
    assert names.count("resumed") == 4
    # All four were begun and paused before the first came back, on two slots.
    assert names.index("resumed") > max(i for i, name in enumerate(names) if name == "suggested")
    assert set(epochs_trained(log).values()) == {1}
    assert len(processes(log)) <= 3


def test_trials_that_nobody_resumes_end(tmp_path: Path) -> None:
    done = run_job(tmp_path / "run", tiny_job(scheduler="odd_schedulers:Forgetful", num_samples=3))
    assert [trial.note for trial in done.trials] == ["not resumed"] * 3
    assert done.summary["status"] == "finished"
    assert done.state.tested is not None


def test_a_clone_starts_from_its_source_with_its_new_config(tmp_path: Path) -> None:
    """``progress`` is what a trial has learned: a clone's goes on from its source's."""
    space = {"x": Float(0, 1), "rate": Float(1, 2)}
    job = tiny_job(scheduler="odd_schedulers:Copier", space=space, num_samples=3, max_concurrent=1)
    done = run_job(tmp_path / "run", job)
    source = done.trials[0]
    for trial in done.trials[1:]:
        assert trial.config == {"x": 0.9 + trial.trial_id / 100}
        third = next(
            fact
            for fact in done.facts
            if isinstance(fact, Reported) and (fact.trial_id, fact.epoch) == (trial.trial_id, 3)
        )
        assert third.metrics["progress"] == pytest.approx(source.metrics["progress"] + 1.0)
        assert trial.status is Status.COMPLETED
        assert trial.epoch == 9


def test_when_the_time_is_used_up_trials_end_and_the_best_is_tested(tmp_path: Path) -> None:
    space = {"x": Float(0, 1), "seconds": 0.2}
    job = tiny_job(
        scheduler="fifo", space=space, num_samples=1000, max_epochs=1000, time_budget=1.0
    )
    done = run_job(tmp_path / "run", job)
    assert {trial.status for trial in done.trials} == {Status.STOPPED}
    assert {trial.note for trial in done.trials} == {"the time budget of 1 s is used up"}
    assert done.state.tested is not None
    assert len(done.trials) <= 3


def test_a_test_that_fails_is_told_in_the_summary(tmp_path: Path) -> None:
    space = {"x": Float(0, 1), "trouble": "test"}
    done = run_job(tmp_path / "run", tiny_job(space=space, num_samples=1, max_failures=0))
    assert done.summary["best"]["test"] is None
    assert done.state.tested is not None
    assert "ValueError: the test cannot be done" in done.state.tested.error


def test_a_class_from_a_job_file_reaches_the_workers(tmp_path: Path) -> None:
    source = Path(Tiny.__module__.replace(".", "/"))
    text = (Path(__file__).parents[2] / f"{source}.py").read_text()
    (tmp_path / "helper.py").write_text("BEST = 0.75\n")
    (tmp_path / "mine.py").write_text(
        text.replace("- 0.3", "- helper.BEST").replace("import json", "import json\nimport helper")
        + "\n\nfrom tune_jobs import Float, TuneJob\n"
        "job = TuneJob(name='mine', model=Tiny, space={'x': Float(0, 1)}, metric='loss',\n"
        "              mode='min', searcher='random', scheduler='fifo', num_samples=6,\n"
        "              max_epochs=2)\n"
    )
    job, _ = load_job(str(tmp_path / "mine.py"))
    done = run_job(tmp_path / "run", job)
    best = min(done.trials, key=lambda trial: abs(trial.config["x"] - 0.75))
    assert done.summary["best"]["trial_id"] == best.trial_id


def test_the_main_job_learns_what_it_is_for(tmp_path: Path) -> None:
    """`make run`, with a third of its trials and of its epochs."""
    declared, _ = load_job("digits_cnn")
    job = override(declared, {"num_samples": 12, "max_epochs": 9})
    done = run_job(tmp_path / "run", job)
    summary = done.summary
    assert summary["trials"]["failed"] == 0
    assert summary["best"]["test"]["test_accuracy"] >= 0.95
    assert summary["epochs_saved"] >= 0.2
    assert sum(float(row["cpu_seconds"]) for row in done.rows) > 1
    assert summary["cost"]["cpu_s"] > 1
    assert summary["cost"]["gpu_s"] == 0
    assert 1e8 < summary["cost"]["peak_memory_bytes"] < 1e10, "torch alone is more than 100 MB"
    folders = [path for path in done.folder.tensorboard.iterdir() if path.is_dir()]
    assert len(folders) == job.num_samples


class Telling(Callback):
    """Writes down what it is told, and fails at every report."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def _write(self, *words: object) -> None:
        with self.log.open("a") as file:
            print(*words, file=file)

    def on_start(self, job: TuneJob, folder: Path) -> None:
        self._write("start", job.name, folder.name)

    def on_fact(self, fact: Fact, state: RunState) -> None:
        self._write(fact.fact)
        if isinstance(fact, Reported):
            raise ValueError("the tracker is away")

    def close(self) -> None:
        self._write("close")


def test_a_callback_is_told_everything_and_ends_nothing(tmp_path: Path) -> None:
    job = tiny_job(num_samples=3, callbacks=[Telling(tmp_path / "log")])
    done = run_job(tmp_path / "run", job)
    assert done.summary["status"] == "finished"
    (warning,) = done.state.warnings
    assert "Telling: ValueError: the tracker is away (test_runs.py, line" in warning
    assert "warning: Telling: ValueError" in done.said
    told = (tmp_path / "log").read_text().splitlines()
    assert told == ["start tiny run", *(fact.fact for fact in done.facts), "close"]
    kept = json.loads((done.folder.path / "job.json").read_text())
    assert kept["callbacks"] == [f"{Telling.__module__}:Telling"]
