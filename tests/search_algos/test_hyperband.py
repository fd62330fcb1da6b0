from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from runs import Recorded, falling, simulated
from strategies import curves

from tune_jobs.experiment.facts import Stopped
from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.decisions import Stop
from tune_jobs.search_algos.rungs import hyperband_brackets
from tune_jobs.simulation.simulate import Curve, Epoch

# Li et al., JMLR 2018, table 1 (R = 81, η = 3): (n_i, r_i) of brackets s = 4 to 0.
PAPER = [
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(34, 3), (11, 9), (3, 27), (1, 81)],
    [(15, 9), (5, 27), (1, 81)],
    [(8, 27), (2, 81)],
    [(5, 81)],
]


def test_the_brackets_are_those_of_the_papers_table() -> None:
    for plan, rungs in zip(hyperband_brackets(1, 81, 3), PAPER, strict=True):
        assert plan.size == rungs[0][0]
        assert list(plan.epochs) == [epoch for _, epoch in rungs]


def test_a_round_of_trials_takes_the_papers_numbers_through_its_rungs() -> None:
    total = sum(rungs[0][0] for rungs in PAPER)
    run = simulated(
        scheduler="hyperband", curve=falling, num_samples=total, max_epochs=81, workers=4
    )
    first = 0
    for rungs in PAPER:
        members = run.trials[first : first + rungs[0][0]]
        first += len(members)
        reached = [sum(trial.epoch >= epoch for trial in members) for _, epoch in rungs]
        assert reached == [count for count, _ in rungs]


def test_a_grace_period_leaves_the_shortest_rungs_out() -> None:
    assert [plan.epochs for plan in hyperband_brackets(4, 81, 3)] == [(9, 27, 81), (27, 81), (81,)]
    assert [plan.epochs for plan in hyperband_brackets(81, 81, 3)] == [(81,)]


@given(st.integers(1, 300), st.integers(2, 5), st.data())
def test_brackets_are_as_promised_for_any_budget(max_t: int, eta: int, data: st.DataObject) -> None:
    grace = data.draw(st.integers(1, max_t))
    plans = hyperband_brackets(grace, max_t, eta)
    for s, plan in enumerate(reversed(plans)):
        assert len(plan.epochs) == s + 1
        assert plan.epochs[-1] == max_t
        assert list(plan.epochs) == sorted(set(plan.epochs))
        assert plan.epochs[0] >= grace or s == 0
        assert plan.size >= eta**s * len(plans) / (s + 1)


def test_the_losers_of_a_rung_end_when_it_is_decided_and_say_why() -> None:
    run = simulated(scheduler="successive_halving", curve=falling, num_samples=9, max_epochs=9)
    reasons = [fact.reason for fact in run.facts if isinstance(fact, Stopped)]
    assert len(reasons) == 8
    assert sum(reason.endswith("of 9 at epoch 1, not in the top 3") for reason in reasons) == 6
    assert sum(reason.endswith("of 3 at epoch 3, not in the top 1") for reason in reasons) == 2
    assert "rank 4 of 9 at epoch 1, not in the top 3" in reasons
    names = [fact.fact for fact in run.facts]
    assert names.index("stopped") < len(names) - names[::-1].index("reported"), "not at the end"


def test_the_best_of_a_rung_go_on() -> None:
    run = simulated(scheduler="successive_halving", curve=falling, num_samples=9, max_epochs=9)
    by_quality = sorted(run.trials, key=lambda trial: trial.config["x"])
    assert [trial.epoch for trial in by_quality] == [9, 3, 3, 1, 1, 1, 1, 1, 1]


def test_too_few_trials_for_a_bracket_still_bring_one_to_its_end() -> None:
    run = simulated(scheduler="hyperband", curve=falling, num_samples=4, max_epochs=81)
    assert [trial.status for trial in run.trials].count(Status.COMPLETED) == 1


@settings(max_examples=40)
@given(curve=curves(), workers=st.integers(1, 6), samples=st.integers(1, 30))
def test_neither_deaths_nor_divergence_block_a_bracket(
    curve: Curve, workers: int, samples: int
) -> None:
    run = simulated(scheduler="hyperband", curve=curve, workers=workers, num_samples=samples)
    assert run.experiment.finished
    assert len(run.trials) == samples
    alive = [t for t in run.trials if t.status is not Status.FAILED and not diverged(run, t)]
    if alive:
        assert any(trial.status is Status.COMPLETED for trial in run.trials) or all(
            "rank" in trial.note for trial in alive
        )


def diverged(run: Recorded, trial: Any) -> bool:
    return any(
        isinstance(fact.decision, Stop) and "NaN" in fact.decision.reason
        for fact in run.reports
        if fact.trial_id == trial.trial_id
    )


def test_while_one_bracket_waits_the_next_one_fills() -> None:
    """A slow trial in the first bracket does not keep the other workers idle."""

    def curve(config: Any, epoch: int) -> Epoch:
        return Epoch({"loss": config["x"]}, 50.0 if config["x"] == 0.5 else 1.0)

    run = simulated(
        scheduler="hyperband",
        curve=curve,
        num_samples=22,
        max_epochs=9,
        workers=2,
        points_to_evaluate=[{"x": 0.5}],
    )
    begun_meanwhile = [fact for fact in run.facts if fact.fact == "suggested" and fact.time < 50]
    assert len(begun_meanwhile) > 9, "more than the first bracket holds"
