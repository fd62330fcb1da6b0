"""`tune-jobs simulate`: methods side by side, and every pair to its end."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from runs import tiny_job

from tune_jobs.cli.commands import cli
from tune_jobs.errors import UserError
from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.simulation.comparison import compare
from tune_jobs.simulation.curves import ClosedForm

SPACE = {
    "rate": Float(1e-4, 1, log=True),
    "kind": Choice(["a", "b"]),
    "depth": Int(1, 3, when={"kind": "b"}),
}


@pytest.mark.parametrize("searcher", sorted(SEARCHERS))
def test_every_searcher_runs_to_its_end_with_every_scheduler(searcher: str) -> None:
    job = tiny_job(space=SPACE, num_samples=24, max_epochs=9)
    curves = ClosedForm(job.domains, job.objective, 9, seed=0)
    outcomes = list(compare(job, curves, 4, [searcher], sorted(SCHEDULERS)))
    assert [outcome.method for outcome in outcomes] == [
        f"{searcher} × {scheduler}" for scheduler in sorted(SCHEDULERS)
    ]
    for outcome in outcomes:
        assert outcome.trials <= outcome.epochs <= 24 * 9
        assert 0 <= outcome.regret <= 1
        assert 0 < outcome.utilisation <= 1
    by_scheduler = {outcome.method.split(" × ")[1]: outcome for outcome in outcomes}
    finite = searcher == "grid"  # has 20 configs
    assert by_scheduler["fifo"].trials == (20 if finite else 24)
    assert by_scheduler["pbt"].trials == (20 if finite else 24)
    if not finite:
        assert by_scheduler["asha"].trials > 40, "what is cut short makes room for others"
        assert all(outcome.epochs > 23 * 9 for outcome in outcomes), "all have the same epochs"


def test_with_the_same_epochs_cutting_short_is_no_loss() -> None:
    job = tiny_job(space=SPACE, num_samples=40, max_epochs=27)
    regrets = {"asha": 0.0, "fifo": 0.0}
    for seed in range(10):
        curves = ClosedForm(job.domains, job.objective, 27, seed)
        for outcome in compare(job, curves, 4, ["random"], regrets):
            regrets[outcome.method.split(" × ")[1]] += outcome.regret or 0.0
    assert regrets["asha"] < regrets["fifo"]


def test_a_pair_that_cannot_work_is_refused_before_anything_runs() -> None:
    job = tiny_job(space=SPACE, num_samples=10)
    curves = ClosedForm(job.domains, job.objective, 9, seed=0)
    with pytest.raises(UserError, match="searcher 'grid' has 20 configs, num_samples is 10"):
        compare(job, curves, 4, ["random", "grid"], ["fifo"])


def test_the_command_prints_a_row_for_each_pair() -> None:
    command = ["simulate", "digits_cnn", "--samples", "20", "--workers", "4"]
    found = CliRunner().invoke(
        cli, [*command, "--searcher", "random,sobol", "--scheduler", "asha,fifo"]
    )
    assert found.exit_code == 0, found.output
    for method in ("random × asha", "random × fifo", "sobol × asha", "sobol × fifo"):
        assert method in found.output
    assert "every method has 540 epochs, those of 20 complete trials; 4 workers" in found.output


def test_settings_hold_for_every_pair() -> None:
    command = ["simulate", "digits_cnn", "--samples", "9", "--searcher", "random"]
    found = CliRunner().invoke(
        cli, [*command, "--scheduler", "hyperband", "--set", "scheduler.grace_period=27"]
    )
    assert " 243 " in found.output, "nothing is cut short"
    with pytest.raises(UserError, match="scheduler 'fifo' has no option 'grace_period'"):
        CliRunner().invoke(
            cli,
            [*command, "--scheduler", "asha,fifo", "--set", "scheduler.grace_period=3"],
            catch_exceptions=False,
        )


def test_a_condition_on_nothing_is_told() -> None:
    job = tiny_job(space={"x": Float(0, 1, when={"optimiser": "sgd"})})
    with pytest.raises(UserError, match="depends on 'optimiser'"):
        job.search.validate()


def test_thousands_of_epochs_take_seconds() -> None:
    """On 64 workers: that it ends at all in the time of a test is the claim."""
    job = tiny_job(num_samples=200, max_epochs=27)
    curves = ClosedForm(job.domains, job.objective, 27, seed=0)
    for outcome in compare(job, curves, 64, ["random"], sorted(SCHEDULERS)):
        assert 200 * 27 - 27 - 27 < outcome.epochs <= 200 * 27
        assert outcome.utilisation > 0.4
