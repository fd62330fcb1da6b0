"""The state machine: what it hands out, and that replaying its facts rebuilds it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from runs import Recorded, begun, falling, metrics_of, reported, simulated, state_of, tiny_job
from strategies import curves

from tune_jobs.experiment.assignments import FinalTest, Train
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import (
    Fact,
    Failed,
    RunResumed,
    Stopped,
    Suggested,
    Tested,
    TrialResumed,
)
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import CheckpointRef, Status
from tune_jobs.names import find_class
from tune_jobs.search_algos.base import Scheduler, Searcher
from tune_jobs.search_algos.decisions import Continue, Exploit, Stop
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.simulation.simulate import Curve, Epoch, simulate

pairs = pytest.mark.parametrize(
    ("searcher", "scheduler"), [(a, b) for a in sorted(SEARCHERS) for b in sorted(SCHEDULERS)]
)


@pairs
@settings(max_examples=12)
@given(curve=curves(), cut=st.integers(0, 10_000), several=st.booleans())
def test_a_run_cut_anywhere_and_replayed_goes_on_as_if_never_stopped(
    searcher: str, scheduler: str, curve: Curve, cut: int, several: bool
) -> None:
    """With one worker, every fact that follows is the same, value for value."""
    job = {"searcher": searcher, "scheduler": scheduler, "curve": curve, "num_samples": 6}
    job |= metrics_of(
        several,
        find_class(searcher, Searcher, SEARCHERS),
        find_class(scheduler, Scheduler, SCHEDULERS),
    )
    whole = simulated(**job)
    prefix = whole.facts[: 1 + cut % len(whole.facts)]
    resumed = simulated(**job, facts=prefix)
    assert untimed(resumed.facts) == untimed(whole.facts)


@pytest.mark.parametrize("scheduler", [*sorted(SCHEDULERS), "odd_schedulers:Puller"])
@settings(max_examples=30)
@given(curve=curves(), workers=st.integers(1, 5), cut=st.integers(0, 10_000), several=st.booleans())
def test_replaying_any_prefix_gives_the_state_of_that_moment(
    scheduler: str, curve: Curve, workers: int, cut: int, several: bool
) -> None:
    fields = {"scheduler": scheduler}
    fields |= metrics_of(several, find_class(scheduler, Scheduler, SCHEDULERS))
    run = simulated(curve=curve, workers=workers, **fields)
    prefix = run.facts[: 1 + cut % len(run.facts)]
    job = tiny_job(**fields)
    replayed = job.build_experiment(prefix)
    assert contents(replayed.state) == contents(state_of(job, prefix))


@given(curve=curves(), workers=st.integers(1, 4), cut=st.integers(0, 10_000))
@settings(max_examples=30)
def test_a_resumed_run_with_many_workers_loses_and_repeats_nothing(
    curve: Curve, workers: int, cut: int
) -> None:
    whole = simulated(curve=curve, workers=workers)
    assume(not whole.experiment.hopeless)
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
        experiment.report(reported(0, epoch, {"loss": 1.0}))
    experiment.report(reported(1, 1, {"loss": 2.0}))
    decision = experiment.report(reported(1, 2, {"loss": 2.0}))
    assert decision == Exploit(0, {"x": 0.91})
    cloned = Train(1, {"x": 0.91}, 2, lineage=1, clone_of=CheckpointRef(0, 4), cloned_at=2)
    assert experiment.train(1) == cloned
    assert experiment.fail(1, "its worker died")
    assert experiment.train(1) == cloned
    experiment.report(reported(1, 3, {"loss": 0.5}))
    assert experiment.train(1) == replace(cloned, epoch=3)
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


TRACEBACK = (
    '  File "/home/me/job.py", line 7, in train_epoch\n    x / 0\nZeroDivisionError: by zero'
)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([TRACEBACK, TRACEBACK], [True, False]),
        ([TRACEBACK, f"{TRACEBACK}!", TRACEBACK, TRACEBACK], [True, True, True, False]),
        (["the worker process died"] * 4, [True, True, True, False]),
    ],
)
def test_an_error_that_repeats_itself_at_the_same_epoch_is_final(
    errors: list[str], expected: list[bool]
) -> None:
    run = begun(tiny_job(max_failures=3))
    run.experiment.next()
    assert [run.experiment.fail(0, error) for error in errors] == expected
    assert run.trials[0].status is Status.FAILED


def test_the_same_error_at_another_epoch_is_another() -> None:
    run = begun(tiny_job(max_failures=3, scheduler="fifo"))
    run.experiment.next()
    assert run.experiment.fail(0, TRACEBACK)
    run.experiment.report(reported(0, 1, {"loss": 1.0}))
    assert run.experiment.fail(0, TRACEBACK)
    again = begun(tiny_job(max_failures=3, scheduler="fifo"), run.facts)
    assert not again.experiment.fail(0, TRACEBACK), "also under another driver"


def test_a_run_in_which_every_trial_fails_ends_without_a_test() -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        raise RuntimeError("no such file")

    run = simulated(curve=curve, max_failures=0, num_samples=2)
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
    run.experiment.report(reported(0, 1, {"loss": 1.0}))
    test = run.experiment.next()
    assert isinstance(test, FinalTest)
    assert run.experiment.next() is None, "nobody else is given the test"
    assert run.experiment.test_failed(test, "worker died")
    assert not run.experiment.test_failed(test, "worker died again")
    assert run.experiment.finished
    assert run.experiment.state.tested is not None
    assert run.experiment.state.tested.error == "worker died again"


def test_where_every_trial_fails_in_the_same_way_the_run_ends_soon() -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        raise RuntimeError("no such file")

    run = simulated(curve=curve, num_samples=50, max_failures=1)
    assert run.experiment.hopeless == "every trial fails in the same way"
    failures = [fact for fact in run.facts if isinstance(fact, Failed)]
    assert len(failures) == 5
    assert len(run.trials) == 3, "no fourth one was begun"


def test_trials_that_are_still_in_their_first_epoch_may_yet_work() -> None:
    """Two of eight crash at once, as in a bad corner of the space."""
    experiment = begun(tiny_job(scheduler="fifo", max_failures=9)).experiment
    for _ in range(8):
        experiment.next()
    for trial_id in (0, 1, 0, 1, 1):
        experiment.fail(trial_id, "no memory")
    assert experiment.hopeless == ""
    for trial_id in range(2, 8):
        experiment.fail(trial_id, "no memory")
    assert experiment.hopeless == "every trial fails in the same way"


def test_a_lost_node_can_be_the_failure_that_ends_a_run() -> None:
    experiment = begun(tiny_job(scheduler="fifo", fail_fast=True)).experiment
    experiment.next()
    assert experiment.move(0, "its node died")
    assert not experiment.move(0, "its node died")
    assert "trial 0 failed" in experiment.hopeless


@pytest.mark.parametrize(
    "but",
    ["one of them reports an epoch", "the errors differ", "it takes longer than a minute"],
)
def test_failures_that_are_not_all_alike_do_not_end_a_run(but: str) -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        run.clock.now += 70 * (but == "it takes longer than a minute")
        first = config == run.trials[0].config
        if but == "one of them reports an epoch" and first and epoch == 1:
            return falling(config, epoch)
        kind = f" of kind {'abc'[len(run.facts) % 3]}" * (but == "the errors differ")
        raise RuntimeError(f"no such file{kind}")

    run = begun(tiny_job(scheduler="fifo", max_failures=1, num_samples=5))
    simulate(run.experiment, curve, 1, run.clock)
    assert run.experiment.hopeless == ""
    assert {trial.status for trial in run.trials} == {Status.FAILED}
    assert len(run.trials) == 5


def test_the_first_failure_ends_a_run_that_fails_fast() -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        if epoch == 3:
            raise RuntimeError("no memory left")
        return falling(config, epoch)

    run = simulated(curve=curve, scheduler="fifo", fail_fast=True)
    assert [trial.status for trial in run.trials] == [Status.FAILED]
    assert "trial 0 failed" in run.experiment.hopeless


def test_a_trial_whose_worker_was_told_to_go_uses_up_no_failure() -> None:
    experiment = begun(tiny_job(scheduler="fifo", max_failures=0)).experiment
    experiment.next()
    experiment.report(reported(0, 1, {"loss": 1.0}))
    assert all(experiment.move(0, "its node is being drained", told=True) for _ in range(9))
    trial = experiment.state.trials[0]
    assert (trial.status, trial.failures, len(trial.moves)) == (Status.RUNNING, 0, 9)


def test_a_lost_node_is_a_failure_only_where_the_trial_came_no_further_since() -> None:
    experiment = begun(tiny_job(scheduler="fifo", max_failures=0)).experiment
    experiment.next()
    for epoch in (1, 2, 3):
        experiment.report(reported(0, epoch, {"loss": 1.0}))
        assert experiment.move(0, "its node died")
    assert not experiment.move(0, "its node died")
    trial = experiment.state.trials[0]
    assert (trial.status, trial.failures, len(trial.moves)) == (Status.FAILED, 1, 3)


growing = pytest.mark.parametrize(
    "scheduler", [n for n in sorted(SCHEDULERS) if find_class(n, Scheduler, SCHEDULERS).can_grow]
)


@growing
@settings(max_examples=30)
@given(curve=curves(), workers=st.integers(1, 4), cut=st.integers(0, 10_000))
def test_a_run_that_grows_is_one_that_was_longer_from_the_start(
    scheduler: str, curve: Curve, workers: int, cut: int
) -> None:
    """What was complete goes on, or not, as the scheduler would have had it; what was decided
    stands; nothing is trained twice; and it can die and grow again at any moment."""
    small = simulated(scheduler=scheduler, curve=curve, workers=workers, max_epochs=4)
    assume(not small.experiment.hopeless)
    decided = {(r.trial_id, r.epoch): r.decision for r in small.reports}
    grown = reopened(small.facts, scheduler, curve, workers, num_samples=14, max_epochs=9)
    prefix = grown.facts[: len(small.facts) + 1 + cut % (len(grown.facts) - len(small.facts))]
    again = reopened(prefix, scheduler, curve, workers, num_samples=14, max_epochs=9)
    for run in (grown, again):
        epochs = [(fact.trial_id, fact.epoch) for fact in run.reports]
        assert len(epochs) == len(set(epochs))
        assert {at: d for at, d in run.decisions.items() if at in decided} == decided
        assert all(trial.status.is_final for trial in run.trials)
        assert len(run.trials) == 14
        for trial in run.trials:
            diverged = not math.isfinite(trial.metrics.get("loss", 0.0))
            if trial.status is Status.COMPLETED and not diverged and scheduler in ("fifo", "pbt"):
                assert trial.epoch == 9
    if workers == 1:
        assert untimed(again.facts)[-1] == untimed(grown.facts)[-1]


def reopened(
    facts: list[Fact], scheduler: str, curve: Curve, workers: int, **numbers: int
) -> Recorded:
    run = begun(tiny_job(scheduler=scheduler, **numbers), facts, began_with=Extent(10, 4))
    simulate(run.experiment, curve, workers, run.clock)
    return run


def test_more_samples_and_epochs_are_what_a_finished_run_goes_on_to() -> None:
    small = simulated(scheduler="fifo", curve=falling, num_samples=2, max_epochs=3)
    assert small.experiment.finished
    run = begun(
        tiny_job(scheduler="fifo", num_samples=3, max_epochs=5),
        small.facts,
        began_with=Extent(2, 3),
    )
    simulate(run.experiment, falling, 1)
    assert [(t.status, t.epoch) for t in run.trials] == [(Status.COMPLETED, 5)] * 3
    tests = [fact for fact in run.facts if isinstance(fact, Tested)]
    assert len(tests) == 2, "the incumbent is another one, so it is tested"
    assert tests[1].epoch == 5


def test_a_test_of_the_old_incumbent_is_not_shown_beside_the_new_one() -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        return Epoch({"loss": 1 / (1 + len(run.trials))}, 1.0)

    run = begun(tiny_job(scheduler="fifo", num_samples=1, max_epochs=1))
    simulate(run.experiment, curve, 1)
    assert run.experiment.state.tested is not None
    job = tiny_job(scheduler="fifo", num_samples=2, max_epochs=1)
    run = begun(job, run.facts, began_with=Extent(1, 1))
    work = run.experiment.next()
    assert isinstance(work, Train)
    run.experiment.report(reported(work.trial_id, 1, {"loss": 0.01}))
    assert run.experiment.state.tested is None


@pytest.mark.parametrize("numbers", [{"max_epochs": 9}, {"num_samples": 14}])
def test_a_population_that_grew_is_compared_at_one_age(numbers: dict[str, int]) -> None:
    """Members that were added later catch up first; a clone's source is as old as the clone."""
    run = simulated(scheduler="pbt", curve=falling, num_samples=6, max_epochs=6)
    for more in ({"num_samples": 12}, {"num_samples": 12, "max_epochs": 12, **numbers}):
        job = tiny_job(scheduler="pbt", **{"max_epochs": 6, **more})
        run = begun(job, run.facts, began_with=Extent(6, 6))
        simulate(run.experiment, falling, 2)
    assert run.experiment.finished
    clones = [fact for fact in run.facts if isinstance(fact, TrialResumed) and fact.exploit]
    assert clones
    for trial in run.trials:
        if trial.clone_of:
            assert trial.clone_of.epoch == trial.cloned_at


def test_an_incumbent_that_stays_is_not_tested_again() -> None:
    def curve(config: Any, epoch: int) -> Epoch:
        return Epoch({"loss": float(epoch)}, 1.0)

    small = simulated(scheduler="fifo", curve=curve, num_samples=2)
    run = begun(tiny_job(scheduler="fifo", num_samples=3), small.facts, began_with=Extent(2, 9))
    simulate(run.experiment, curve, 1)
    assert len([fact for fact in run.facts if isinstance(fact, Tested)]) == 1
    assert run.experiment.finished


def test_a_searcher_that_runs_out_ends_the_run_early() -> None:
    run = simulated(searcher="odd_searchers:Three", scheduler="fifo", curve=falling, workers=2)
    assert [trial.config["x"] for trial in run.trials] == [0.1, 0.2, 0.3]
    assert run.experiment.finished
    assert run.experiment.state.tested is not None


def test_draining_ends_running_trials_at_their_next_report_and_starts_none() -> None:
    run = begun(tiny_job(scheduler="fifo"))
    run.experiment.next()
    run.experiment.next()
    run.experiment.report(reported(0, 1, {"loss": 1.0}))
    run.experiment.drain("the time is up")
    run.experiment.drain("twice")
    assert run.experiment.next() is None
    assert run.experiment.report(reported(0, 2, {"loss": 0.9})) == Stop("the time is up")
    assert run.experiment.report(reported(1, 1, {"loss": 0.8})) == Stop("the time is up")
    assert isinstance(run.experiment.next(), FinalTest)
    assert len(run.trials) == 2


def test_a_metric_that_never_comes_is_named_with_those_that_do() -> None:
    run = begun(tiny_job(metric="val_loss", max_epochs=2, num_samples=1))
    run.experiment.next()
    wrong = {"val_los": 1.0, "accuracy": 0.5}
    assert run.experiment.report(reported(0, 1, wrong)) == Continue()
    assert isinstance(run.experiment.report(reported(0, 2, wrong)), Stop)
    (trial,) = run.trials
    assert trial.status is Status.FAILED
    assert "'val_loss'" in trial.note
    assert "accuracy, val_los: did you mean 'val_los'" in trial.note
    assert run.experiment.finished


def test_an_epoch_without_the_metric_decides_nothing() -> None:
    """Validation is dear, so it is done every other epoch; the others count all the same."""

    def every_other(config: Any, epoch: int) -> Epoch:
        found = falling(config, epoch)
        return found if epoch % 2 else Epoch({"other": 1.0}, found.seconds)

    run = simulated(scheduler="fifo", curve=every_other, max_epochs=8)
    assert {(t.status, t.epoch, t.best_epoch) for t in run.trials} == {(Status.COMPLETED, 8, 7)}
    cut = simulated(scheduler="asha", curve=every_other, max_epochs=8)
    assert {t.status for t in cut.trials} == {Status.COMPLETED, Status.STOPPED}


def test_a_training_that_comes_to_its_own_end_is_complete() -> None:
    run = begun(tiny_job(scheduler="fifo", num_samples=2))
    run.experiment.next()
    run.experiment.next()
    run.experiment.report(reported(0, 1, {"loss": 1.0}))
    run.experiment.complete(0, "the program ended by itself after 1 epochs")
    run.experiment.report(reported(1, 1, {"other": 1.0}))
    run.experiment.complete(1, "the program ended by itself after 1 epochs")
    assert [trial.status for trial in run.trials] == [Status.COMPLETED, Status.FAILED]
    assert "'loss'" in run.trials[1].note
    assert isinstance(run.experiment.next(), FinalTest)
    again = begun(tiny_job(scheduler="fifo", num_samples=2), run.facts)
    assert [trial.status for trial in again.trials] == [Status.COMPLETED, Status.FAILED]


def test_an_epoch_reported_before_is_passed_over() -> None:
    run = begun(tiny_job(scheduler="fifo"))
    run.experiment.next()
    run.experiment.report(reported(0, 1, {"loss": 1.0}))
    before = list(run.facts)
    assert run.experiment.report(reported(0, 1, {"loss": 0.1})) == Continue()
    assert run.facts == before


def test_a_recorded_fact_is_written_before_it_takes_effect() -> None:
    order: list[tuple[str, str]] = []

    def record(fact: Fact) -> Fact:
        order.append(("written", fact.fact))
        return fact

    def observe(fact: Fact, state: RunState) -> None:
        order.append(("in force", fact.fact))

    experiment = tiny_job(num_samples=1).build_experiment()
    experiment.start(record, observe)
    experiment.next()
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

    experiment = tiny_job().build_experiment()
    experiment.start(record, lambda fact, state: None)
    with pytest.raises(OSError, match="no space"):
        experiment.next()
    assert experiment.state.trials == {}


def test_a_thousand_trials_on_64_workers_cost_little_and_keep_them_busy() -> None:
    run = simulated(curve=falling, num_samples=1000, max_epochs=27, workers=64)
    assert run.experiment.state.epochs_total / (run.seconds * 64) > 0.6


def untimed(facts: list[Any]) -> list[Any]:
    """Without what a resume adds."""
    return [{**vars(fact), "time": None} for fact in facts if not isinstance(fact, RunResumed)]


def contents(state: RunState) -> str:
    return repr(vars(state))  # as text, since NaN is not equal to itself
