"""The state machine: what it hands out, and that replaying its facts rebuilds it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import begun, falling, simulated, state_of, tiny_job
from strategies import curves

from search_algos.decisions import Continue, Exploit, Stop
from search_algos.schedulers import SCHEDULERS
from search_algos.searchers import SEARCHERS
from tune_jobs.errors import UserError
from tune_jobs.experiment import FinalTest, Train
from tune_jobs.facts import Fact, Stopped, Suggested, Tested
from tune_jobs.run_state import CheckpointRef, RunState, Status
from tune_jobs.simulate import Curve, Epoch

pairs = pytest.mark.parametrize(
    ("searcher", "scheduler"), [(a, b) for a in sorted(SEARCHERS) for b in sorted(SCHEDULERS)]
)


@pairs
@settings(max_examples=12)
@given(curve=curves(), cut=st.integers(0, 10_000))
def test_a_run_cut_anywhere_and_replayed_goes_on_as_if_never_stopped(
    searcher: str, scheduler: str, curve: Curve, cut: int
) -> None:
    """With one worker, every fact that follows is the same, value for value."""
    job = {"searcher": searcher, "scheduler": scheduler, "curve": curve, "num_samples": 6}
    whole = simulated(**job)
    prefix = whole.facts[: 1 + cut % len(whole.facts)]
    resumed = simulated(**job, facts=prefix)
    assert untimed(resumed.facts) == untimed(whole.facts)


@pytest.mark.parametrize("scheduler", [*sorted(SCHEDULERS), "odd_schedulers:Puller"])
@settings(max_examples=30)
@given(curve=curves(), workers=st.integers(1, 5), cut=st.integers(0, 10_000))
def test_replaying_any_prefix_gives_the_state_of_that_moment(
    scheduler: str, curve: Curve, workers: int, cut: int
) -> None:
    run = simulated(scheduler=scheduler, curve=curve, workers=workers)
    prefix = run.facts[: 1 + cut % len(run.facts)]
    job = tiny_job(scheduler=scheduler)
    replayed = begun(job, prefix)
    assert replayed.facts == prefix, "replaying records nothing"
    assert contents(replayed.experiment.state) == contents(state_of(job, prefix))


@given(curve=curves(), workers=st.integers(1, 4), cut=st.integers(0, 10_000))
@settings(max_examples=30)
def test_a_resumed_run_with_many_workers_loses_and_repeats_nothing(
    curve: Curve, workers: int, cut: int
) -> None:
    whole = simulated(curve=curve, workers=workers)
    resumed = simulated(
        curve=curve, workers=workers, facts=whole.facts[: 1 + cut % len(whole.facts)]
    )
    epochs = [(fact.trial_id, fact.epoch) for fact in resumed.reports]
    assert len(epochs) == len(set(epochs))
    assert all(trial.status.is_final for trial in resumed.trials)
    assert len(resumed.trials) == 10


def test_a_trial_is_only_sampled_when_a_slot_asks_for_one() -> None:
    run = begun(tiny_job())
    assert [fact for fact in run.facts if isinstance(fact, Suggested)] == []
    assert run.experiment.next() == Train(0, run.trials[0].config, epoch=0)
    assert len(run.trials) == 1


def test_paused_trials_are_resumed_best_first_and_all_end() -> None:
    run = simulated(scheduler="odd_schedulers:Puller", curve=falling, workers=3)
    assert [t.status for t in run.trials] == [Status.COMPLETED] * 10
    resumed = [f.trial_id for f in run.facts if f.fact == "resumed"]
    # With three workers the queue is asked again as soon as nothing runs.
    assert sorted(resumed) == list(range(10))
    assert resumed[0] == min(run.trials, key=lambda t: t.config["x"]).trial_id


def test_a_paused_trial_that_nobody_resumes_is_stopped_at_the_end() -> None:
    run = simulated(scheduler="odd_schedulers:Forgetful", curve=falling)
    assert {t.status for t in run.trials} == {Status.STOPPED}
    assert [f.reason for f in run.facts if isinstance(f, Stopped)] == ["not resumed"] * 10
    assert run.experiment.state.tested is not None


def test_a_clone_goes_on_from_the_newest_checkpoint_of_its_source() -> None:
    experiment = begun(tiny_job(scheduler="odd_schedulers:Copier", num_samples=2)).experiment
    first, second = experiment.next(), experiment.next()
    assert isinstance(first, Train)
    assert isinstance(second, Train)
    for epoch in (1, 2, 3, 4):
        experiment.report(0, epoch, {"loss": 1.0})
    experiment.report(1, 1, {"loss": 2.0})
    decision = experiment.report(1, 2, {"loss": 2.0})
    assert decision == Exploit(0, {"x": 0.91})
    assert experiment.train(1) == Train(1, {"x": 0.91}, epoch=2, clone_of=CheckpointRef(0, 4))
    assert experiment.fail(1, "its worker died")
    assert experiment.train(1).clone_of == CheckpointRef(0, 4)
    experiment.report(1, 3, {"loss": 0.5})
    assert experiment.train(1).clone_of is None
    assert experiment.state.incumbent is not None
    assert experiment.state.incumbent.config == {"x": 0.91}


def test_a_trial_is_started_again_as_often_as_allowed_and_the_rest_go_on() -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        if config["x"] > 0.5 and epoch == 2:
            raise RuntimeError("no memory left")
        return falling(config, epoch)

    run = simulated(scheduler="fifo", curve=curve, max_failures=2)
    for trial in run.trials:
        bad = trial.config["x"] > 0.5
        assert trial.status is (Status.FAILED if bad else Status.COMPLETED)
        assert trial.failures == (3 if bad else 0)
        assert trial.note == ("no memory left" if bad else "trained 9 epochs")
    assert any(trial.status is Status.FAILED for trial in run.trials)


def test_a_run_in_which_every_trial_fails_ends_without_a_test() -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        raise RuntimeError("no such file")

    run = simulated(curve=curve, max_failures=1)
    assert {trial.status for trial in run.trials} == {Status.FAILED}
    assert run.experiment.finished
    assert not any(isinstance(fact, Tested) for fact in run.facts)


def test_the_incumbent_is_tested_once_at_its_best_epoch() -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        return Epoch({"loss": config["x"] + abs(epoch - 4)}, 1.0)

    run = simulated(scheduler="fifo", curve=curve, workers=4)
    best = min(run.trials, key=lambda trial: trial.config["x"])
    tests = [fact for fact in run.facts if isinstance(fact, Tested)]
    assert [(t.trial_id, t.epoch) for t in tests] == [(best.trial_id, 4)]


def test_a_test_that_fails_is_tried_again_and_then_told() -> None:
    run = begun(tiny_job(num_samples=1, max_epochs=1, max_failures=1))
    run.experiment.next()
    run.experiment.report(0, 1, {"loss": 1.0})
    test = run.experiment.next()
    assert isinstance(test, FinalTest)
    assert run.experiment.next() is None, "nobody else is given the test"
    assert run.experiment.test_failed(test, "worker died")
    assert not run.experiment.test_failed(test, "worker died again")
    assert run.experiment.finished
    assert run.experiment.state.tested is not None
    assert run.experiment.state.tested.error == "worker died again"


def test_a_searcher_that_runs_out_ends_the_run_early() -> None:
    run = simulated(searcher="odd_searchers:Three", scheduler="fifo", curve=falling, workers=2)
    assert [trial.config["x"] for trial in run.trials] == [0.1, 0.2, 0.3]
    assert run.experiment.finished
    assert run.experiment.state.tested is not None


def test_draining_ends_running_trials_at_their_next_report_and_starts_none() -> None:
    run = begun(tiny_job(scheduler="fifo"))
    run.experiment.next()
    run.experiment.next()
    run.experiment.report(0, 1, {"loss": 1.0})
    run.experiment.drain("the time is up")
    run.experiment.drain("twice")
    assert run.experiment.next() is None
    assert run.experiment.report(0, 2, {"loss": 0.9}) == Stop("the time is up")
    assert run.experiment.report(1, 1, {"loss": 0.8}) == Stop("the time is up")
    assert isinstance(run.experiment.next(), FinalTest)
    assert len(run.trials) == 2


def test_a_metric_that_is_not_reported_is_named_with_those_that_are() -> None:
    run = begun(tiny_job(metric="val_loss"))
    run.experiment.next()
    with pytest.raises(UserError, match=r"'val_loss'.*accuracy, val_los: did you mean 'val_los'"):
        run.experiment.report(0, 1, {"val_los": 1.0, "accuracy": 0.5})


def test_an_epoch_reported_before_is_passed_over() -> None:
    run = begun(tiny_job(scheduler="fifo"))
    run.experiment.next()
    run.experiment.report(0, 1, {"loss": 1.0})
    before = list(run.facts)
    assert run.experiment.report(0, 1, {"loss": 0.1}) == Continue()
    assert run.facts == before


def test_a_recorded_fact_is_written_before_it_takes_effect() -> None:
    order: list[tuple[str, str]] = []

    def record(fact: Fact) -> Fact:
        order.append(("written", fact.fact))
        return fact

    def observe(fact: Fact, state: RunState) -> None:
        order.append(("in force", fact.fact))

    tiny_job(num_samples=1).build_experiment(record, observe).next()
    assert order == [
        ("written", "opened"),
        ("in force", "opened"),
        ("written", "suggested"),
        ("in force", "suggested"),
    ]


def test_a_fact_that_cannot_be_written_does_not_take_effect() -> None:
    def record(fact: Fact) -> Fact:
        if fact.fact == "suggested":
            raise OSError("no space left on device")
        return fact

    experiment = tiny_job().build_experiment(record, lambda fact, state: None)
    with pytest.raises(OSError, match="no space"):
        experiment.next()
    assert experiment.state.trials == {}


def test_a_thousand_trials_on_64_workers_cost_little_and_keep_them_busy() -> None:
    run = simulated(curve=falling, num_samples=1000, max_epochs=27, workers=64)
    assert run.experiment.state.epochs_total / (run.seconds * 64) > 0.6


def untimed(facts: list[Any]) -> list[Any]:
    return [{**vars(fact), "time": None} for fact in facts]


def contents(state: RunState) -> str:
    return repr(vars(state))  # as text, since NaN is not equal to itself
