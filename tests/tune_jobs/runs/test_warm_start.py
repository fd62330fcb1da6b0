"""What an earlier run found out reaches the searcher of a new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import begun, falling, run_in_folder, simulated, tiny_job

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Opened
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.warm_start import known_from
from tune_jobs.search_algos.decisions import Exploit
from tune_jobs.search_algos.domains import Choice, Float
from tune_jobs.search_algos.history import History
from tune_jobs.simulation.simulate import simulate


@pytest.fixture
def earlier(tmp_path: Path) -> RunFolder:
    return run_in_folder(tmp_path / "earlier", tiny_job(num_samples=12), falling)


def test_every_trial_is_known_with_its_losses(earlier: RunFolder) -> None:
    known = known_from(earlier, tiny_job()).known
    assert len(known) == 12
    for fact in known:
        assert fact.losses == {
            epoch: falling(fact.config, epoch).metrics["loss"] for epoch in fact.losses
        }


def test_a_searcher_begins_with_what_is_known(earlier: RunFolder) -> None:
    """Its first suggestion lies beside the best of what is known."""
    job = tiny_job(searcher="odd_searchers:Best", num_samples=1)
    known = known_from(earlier, job).known
    run = begun(job, known=known)
    simulate(run.experiment, falling, 1)
    best = min(known, key=lambda fact: min(fact.losses.values()))
    assert run.trials[0].config != best.config, "which was tried"
    assert run.trials[0].config["x"] == pytest.approx(best.config["x"], abs=0.05)


def test_a_replayed_run_knows_the_same_without_the_earlier_one(earlier: RunFolder) -> None:
    job = tiny_job(searcher="odd_searchers:Best", num_samples=2)
    run = begun(job, known=known_from(earlier, job).known)
    simulate(run.experiment, falling, 1)
    again = begun(job, run.facts[:-4])
    simulate(again.experiment, falling, 1)
    assert [trial.config for trial in again.trials] == [trial.config for trial in run.trials]


def test_the_metric_of_the_new_job_is_what_counts(earlier: RunFolder) -> None:
    known = known_from(earlier, tiny_job(metric="other", mode="max")).known
    assert all(loss == -2.0 * epoch for fact in known for epoch, loss in fact.losses.items())


def test_trials_outside_of_the_space_are_left_out(earlier: RunFolder) -> None:
    known, left_out = known_from(earlier, tiny_job(space={"x": Float(0, 0.5)}))
    assert left_out > 0
    assert 0 < len(known) < 12
    assert all(fact.config["x"] <= 0.5 for fact in known)


def test_what_the_new_job_fixes_must_be_what_the_earlier_one_had(tmp_path: Path) -> None:
    both = {"x": Float(0, 1), "rate": Choice([1.0, 2.0])}
    earlier = run_in_folder(tmp_path / "both", tiny_job(space=both, num_samples=12), falling)
    known = known_from(earlier, tiny_job(space={"x": Float(0, 1), "rate": 2.0})).known
    assert 0 < len(known) < 12
    assert all(set(fact.config) == {"x"} for fact in known)
    fixed = {"x": Float(0, 1), "rate": 1.0}
    earlier = run_in_folder(tmp_path / "one", tiny_job(space=fixed, num_samples=3), falling)
    assert len(known_from(earlier, tiny_job(space=both)).known) == 3
    with pytest.raises(UserError, match="cannot learn from run 'one'"):
        known_from(earlier, tiny_job(space={"x": Float(0, 1), "rate": 2.0}))


def test_a_run_without_a_single_fitting_trial_is_an_error(earlier: RunFolder) -> None:
    with pytest.raises(UserError, match=r"cannot learn from run 'earlier'.*this job's space \(y\)"):
        known_from(earlier, tiny_job(space={"y": Float(0, 1)}))


def test_a_metric_that_was_not_reported_is_an_error(earlier: RunFolder) -> None:
    with pytest.raises(UserError, match="'accuracy' was not reported"):
        known_from(earlier, tiny_job(metric="accuracy"))


def test_folds_and_epochs_say_nothing_about_each_other(earlier: RunFolder) -> None:
    with pytest.raises(UserError, match="has no folds, this job has 5 folds of 9 epochs"):
        known_from(earlier, tiny_job(folds=5))


def test_what_a_clone_did_is_not_its_first_configs_merit(tmp_path: Path) -> None:
    job = tiny_job(scheduler="pbt", num_samples=4, max_epochs=6)
    folder = run_in_folder(tmp_path / "pbt", job, falling)
    run = simulated(curve=falling, scheduler="pbt", num_samples=4, max_epochs=6)
    clones = {f.trial_id for f in run.facts if isinstance(getattr(f, "exploit", None), Exploit)}
    assert clones
    for number, fact in enumerate(known_from(folder, job).known):
        assert max(fact.losses) == (3 if number in clones else 6)


def test_losses_of_an_earlier_run_are_comparable_by_epoch() -> None:
    history = History(tiny_job().domains)
    history.known({"x": 0.1}, {3: 0.5})
    history.suggested(0, {"x": 0.2})
    assert history.learning_set(1) == (3, [({"x": 0.1}, 0.5)], [{"x": 0.2}])


def test_facts_of_an_earlier_run_are_in_the_journal(earlier: RunFolder) -> None:
    job = tiny_job(num_samples=1)
    run = begun(job, known=known_from(earlier, job).known)
    (opened,) = run.facts
    assert isinstance(opened, Opened)
    assert len(opened.known) == 12
