"""A trial is complete when it has reached what the job asks for; a run can be over too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import begun, falling, run_in_folder, simulated, state_of, tiny_job

from tune_jobs import TuneJob, UserError
from tune_jobs.experiment.facts import Draining, Reported, Warned, from_json, to_json
from tune_jobs.experiment.trial import Status
from tune_jobs.job.declaration import as_json, rebuilt
from tune_jobs.job.files import load_job
from tune_jobs.search_algos.decisions import Continue
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.simulation.simulate import simulate


class Plateau:
    """As one of Ray Tune's Stoppers, with a memory: three reports of a trial, nine of all."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, trial_id: int, result: Mapping[str, float]) -> bool:
        self.seen.append(trial_id)
        assert result["training_iteration"] == self.seen.count(trial_id)
        return self.seen.count(trial_id) >= 3

    def stop_all(self) -> bool:
        return len(self.seen) >= 9


def test_any_goal_ends_a_trial_which_is_complete() -> None:
    run = simulated(curve=falling, scheduler="fifo", stop={"loss": 0.6, "other": 10.0})
    assert {trial.status for trial in run.trials} == {Status.COMPLETED}
    for trial in run.trials:
        first = next(n for n in range(1, 10) if trial.config["x"] + 1 / n <= 0.6 or 2 * n >= 10)
        assert trial.epoch == first
    notes = {trial.note.rpartition(",")[2] for trial in run.trials}
    assert notes == {" at most 0.6", " at least 10"}
    assert len({trial.epoch for trial in run.trials}) > 1


def test_the_jobs_own_metric_has_its_mode() -> None:
    run = simulated(curve=falling, scheduler="fifo", mode="max", stop={"loss": 0.6})
    for trial in run.trials:  # it falls, so it is high enough at once or never
        assert trial.epoch == (1 if trial.config["x"] + 1 >= 0.6 else 9)


@pytest.mark.parametrize("stop", [{"training_iteration": 2}, lambda trial_id, m: m["other"] > 3])
def test_reports_can_be_counted_or_looked_at(stop: Any) -> None:
    run = simulated(curve=falling, scheduler="asha", stop=stop, num_samples=5)
    assert {trial.epoch for trial in run.trials} <= {1, 2}
    assert Status.COMPLETED in {trial.status for trial in run.trials}


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("stop", [{"loss": 0.7}, Plateau])
def test_every_trial_ends_with_any_scheduler(scheduler: str, workers: int, stop: Any) -> None:
    stop = stop() if isinstance(stop, type) else stop
    run = simulated(curve=falling, scheduler=scheduler, workers=workers, stop=stop)
    assert run.experiment.finished


def test_an_object_ends_the_run() -> None:
    run = simulated(curve=falling, scheduler="fifo", stop=Plateau())
    assert [trial.epoch for trial in run.trials] == [3, 3, 3]
    assert [f.reason for f in run.facts if isinstance(f, Draining)] == [
        "the job's stop ends the run"
    ]


class FiveReports:
    """Ends the run, but no trial."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, trial_id: int, result: Mapping[str, float]) -> bool:
        self.seen += 1
        return False

    def stop_all(self) -> bool:
        return self.seen >= 5


def test_the_trial_whose_report_ends_the_run_stops_at_it() -> None:
    run = simulated(curve=falling, scheduler="fifo", stop=FiveReports())
    assert [(trial.epoch, trial.status) for trial in run.trials] == [(5, Status.STOPPED)]
    assert run.trials[0].note == "the job's stop ends the run"


@pytest.mark.parametrize("stop", [FiveReports, lambda: None])
def test_a_journal_in_which_it_trained_one_more_epoch_goes_on(stop: Callable[[], Any]) -> None:
    """As journals were written before: the trial continued, and then the run was over."""
    facts = simulated(curve=falling, scheduler="asha", stop=FiveReports()).facts
    at = next(n for n, fact in enumerate(facts) if isinstance(fact, Draining))
    draining, last = facts[at : at + 2]
    assert isinstance(last, Reported)
    facts = [*facts[:at], replace(last, decision=Continue()), draining]
    again = begun(tiny_job(stop=stop(), scheduler="asha"), facts)
    assert not again.experiment.changed
    simulate(again.experiment, falling, 1, again.clock)
    assert again.experiment.finished
    epochs = [trial.epoch for trial in again.trials]
    assert sum(epochs) == 6 if stop is FiveReports else len(epochs) == 10


@given(st.integers(0, 40), st.sampled_from(["asha", "pbt", "hyperband"]), st.booleans())
def test_replay_after_any_prefix_is_as_never_interrupted(
    cut: int, scheduler: str, has_memory: bool
) -> None:
    def job() -> TuneJob:
        stop = Plateau() if has_memory else {"loss": 0.5}
        return tiny_job(scheduler=scheduler, stop=stop, num_samples=6)

    whole = begun(job())
    simulate(whole.experiment, falling, 1, whole.clock)
    cut = min(cut, len(whole.facts))
    again = begun(job(), [from_json(to_json(fact)) for fact in whole.facts[:cut]])
    assert not again.experiment.changed
    simulate(again.experiment, falling, 1, again.clock)
    assert [(t.epoch, t.status) for t in again.trials] == [
        (t.epoch, t.status) for t in whole.trials
    ]


@pytest.mark.parametrize("today", [None, {"loss": 9.0}, lambda trial_id, metrics: False])
def test_what_was_decided_is_in_the_journal(today: Any) -> None:
    run = simulated(curve=falling, scheduler="asha", stop={"loss": 0.6})
    facts = [from_json(to_json(fact)) for fact in run.facts]
    state = state_of(tiny_job(), facts)
    assert [t.status for t in state.trials.values()] == [trial.status for trial in run.trials]
    assert not begun(tiny_job(stop=today), facts).experiment.changed


def test_a_goal_that_nobody_reports_is_a_warning() -> None:
    run = simulated(curve=falling, stop={"lss": 0.5, "loss": 0.1})
    assert [fact.text for fact in run.facts if isinstance(fact, Warned)] == [
        "stop has 'lss', which was not reported; did you mean 'loss'?"
    ]


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (0.98, ["stop is 0.98", "{'loss': 0.9}"]),
        ({}, ["stop is {}"]),
        ({"loss": "low"}, ["'loss' has 'low'", "a number"]),
        ({"loss": True}, ["'loss' has True"]),
        (lambda metrics: True, ["trial_id, metrics"]),
        (Plateau, ["class"]),
    ],
)
def test_what_cannot_work_is_told_before_the_start(stop: Any, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        tiny_job(stop=stop).validate()
    assert all(word in str(error.value) for word in words)


def leave(trial_id: int, metrics: Any) -> bool:
    sys.exit("that is enough")


def test_a_function_that_exits_is_told_like_any_other_mistake() -> None:
    with pytest.raises(UserError, match=r"(?s)stop failed:.*in leave.*SystemExit: that is enough"):
        simulated(curve=falling, stop=leave)


def test_a_mistake_in_a_function_has_its_authors_line() -> None:
    with pytest.raises(UserError, match=r"(?s)stop failed:.*m\[\"no\"\].*KeyError"):
        simulated(curve=falling, stop=lambda trial_id, m: m["no"] > 1)


JOB_FILE = """
from tune_jobs import Float, TuneJob

class Object:
    def __call__(self, trial_id, metrics):
        return False

def function(trial_id, metrics):
    return False

job = TuneJob(name="mine", model="tiny_model:Tiny", space={{"x": Float(0, 1)}}, metric="loss",
              mode="min", stop={stop})
"""


@pytest.mark.parametrize("stop", ["Object()", "function", "lambda trial_id, metrics: False"])
def test_a_resume_finds_the_function_in_the_file(tmp_path: Path, stop: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(JOB_FILE.format(stop=stop))
    job, _ = load_job(str(file))
    assert callable(rebuilt(as_json(job, file), []).stop)
    with pytest.raises(UserError, match="which is not here; name the file"):
        rebuilt(as_json(job, tmp_path / "gone.py"), [])


def test_goals_are_in_job_json(tmp_path: Path) -> None:
    job = tiny_job(stop={"loss": 0.5})
    folder = run_in_folder(tmp_path / "run", job, falling)
    assert rebuilt(folder.read_job_json(), []).stop == {"loss": 0.5}
