"""Trials that count their training in steps, and report whenever they like."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from runs import Recorded, begun, falling, reported, tiny_job

from tune_jobs.experiment.assignments import FinalTest
from tune_jobs.experiment.shares import Shares
from tune_jobs.experiment.trial import Status
from tune_jobs.job.declaration import Declaration, as_json
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.search_algos.decisions import Pause, Stop
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.simulation.comparison import compare
from tune_jobs.simulation.curves import ClosedForm
from tune_jobs.views import texts

strides = st.lists(st.integers(1, 300), min_size=1, max_size=5)
"""The steps between two reports; trial n begins with the n-th, and takes them in turn."""


def job_in_steps(**fields: Any) -> TuneJob:
    options = {"grace_period": 100} if fields.get("scheduler") in ("asha", "hyperband") else {}
    options = {"perturbation_interval": 100} if fields.get("scheduler") == "pbt" else options
    given = {"max_epochs": 1000, "scheduler_options": options, "num_samples": 8, **fields}
    return tiny_job(time_attr="steps", **given)


def drive(run: Recorded, strides: list[int]) -> None:
    """Trains one trial after another until nothing is left to do."""
    experiment = run.experiment
    while (work := experiment.next()) is not None:
        if isinstance(work, FinalTest):
            experiment.tested(work, {})
            continue
        decision: Any = None
        while not isinstance(decision, (Stop, Pause)):
            count = sum(r.trial_id == work.trial_id for r in run.reports)
            epoch = work.epoch + strides[(work.trial_id + count) % len(strides)]
            metrics = {**falling(work.config, epoch).metrics, "steps": float(epoch)}
            decision = experiment.report(reported(work.trial_id, epoch, metrics))
            work = experiment.train(work.trial_id)


@settings(max_examples=10)
@given(
    strides,
    st.integers(0, 60),
    st.sampled_from(sorted(SCHEDULERS)),
    st.sampled_from(["random", "hyperopt"]),
    st.sampled_from([None, 150]),
)
def test_it_ends_and_replay_after_any_prefix_is_as_never_interrupted(
    strides: list[int], cut: int, scheduler: str, searcher: str, patience: int | None
) -> None:
    job = job_in_steps(scheduler=scheduler, patience=patience, searcher=searcher)
    whole = begun(job)
    drive(whole, strides)
    assert whole.experiment.finished
    for trial in whole.trials:
        complete = trial.status is Status.COMPLETED
        assert complete == (trial.epoch >= 1000), "patience and the scheduler come before that"
    again = begun(job, whole.facts[: 1 + cut])
    assert not again.experiment.changed
    drive(again, strides)
    assert again.decisions == whole.decisions
    assert [t.config for t in again.trials] == [t.config for t in whole.trials]


def test_rungs_patience_and_words_count_steps() -> None:
    run = begun(job_in_steps(scheduler="asha", num_samples=6))
    drive(run, [70, 90])
    stopped = [trial for trial in run.trials if trial.status is Status.STOPPED]
    assert stopped
    assert {trial.epoch for trial in stopped} <= {160, 320, 960}, "the first reports after rungs"
    state = run.experiment.state
    assert "step 160" in texts.outcome(stopped[0], state)
    assert f"steps {sum(trial.epoch for trial in run.trials)}" in texts.counts(state)
    run = begun(job_in_steps(scheduler="fifo", num_samples=1))
    drive(run, [300])
    assert run.trials[0].note == "trained 1200 steps"


def test_pbt_compares_members_that_report_a_few_steps_apart() -> None:
    run = begun(job_in_steps(scheduler="pbt"))
    drive(run, [30, 41, 52])
    assert any(trial.lineage for trial in run.trials)


def test_searchers_compare_equal_shares_of_the_training() -> None:
    seen = Shares(1000)
    assert [list(seen.report(0, epoch)) for epoch in (7, 10, 35, 38)] == [[1], [1], [2, 3, 4], [4]]
    assert list(seen.report(1, 25)) == [1, 2, 3]
    assert seen.known({15: 0.5, 31: 0.25}) == {1: 0.5, 2: 0.5, 3: 0.25, 4: 0.25}


def test_reports_are_still_counted_as_ray_tune_does() -> None:
    run = begun(job_in_steps(scheduler="fifo", num_samples=1, stop={"training_iteration": 3}))
    drive(run, [100])
    assert (run.trials[0].epoch, run.trials[0].status) == (300, Status.COMPLETED)
    assert tiny_job(time_attr="training_iteration").time_attr is None


def test_it_is_in_the_declaration() -> None:
    declared = Declaration.of(as_json(job_in_steps(), None))
    assert declared.objective.unit == "step"
    assert job_in_steps().training == "1000 steps"
    assert "1 step" in tiny_job(time_attr="steps", max_epochs=1).training


def test_with_folds_it_is_refused() -> None:
    job = tiny_job(time_attr="steps", folds=3)
    assert any("time_attr is 'steps'; with folds" in problem for problem in job.problems())


def test_a_simulation_of_many_steps_ends_soon() -> None:
    job = job_in_steps(max_epochs=100_000, num_samples=4)
    curves = ClosedForm(job.domains, job.objective, 100_000, seed=0)
    (outcome,) = compare(job, curves, 2, ["random"], ["fifo"])
    assert (outcome.trials, outcome.epochs) == (4, 400_000)


def test_a_report_of_steps_that_were_recorded_is_ignored() -> None:
    run = begun(job_in_steps(scheduler="fifo"))
    run.experiment.next()
    for epoch in (200, 150, 200, 250):
        run.experiment.report(reported(0, epoch, {"loss": 1.0, "steps": epoch}))
    assert [report.epoch for report in run.reports] == [200, 250]
