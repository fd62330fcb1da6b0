"""Searchers and schedulers together on real Ray: pauses, promotions and clones happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from finished import Finished, run_job
from runs import tiny_job

from tune_jobs.experiment.facts import Reported, Stopped, Suggested, TrialResumed
from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.decisions import Exploit, Pause
from tune_jobs.search_algos.domains import Float

pytestmark = pytest.mark.usefixtures("ray_session")
SPACE = {"x": Float(0, 1), "rate": Float(0.5, 2, log=True)}
IN_TURN = {"max_concurrent": 1, "seed": 10}  # so that who meets whom does not depend on timing
OPTIONS = {"bayesopt": {"n_startup": 6}, "hyperopt": {"n_startup_jobs": 6}}
searchers = pytest.mark.parametrize("searcher", sorted(OPTIONS))


def run(path: Path, searcher: str, scheduler: str, **fields: Any) -> Finished:
    """Nine trials of up to nine epochs; six random ones, so that the searchers do search."""
    job = tiny_job(
        **{
            "searcher": searcher,
            "searcher_options": OPTIONS[searcher],
            "scheduler": scheduler,
            "space": SPACE,
            "num_samples": 9,
            **fields,
        }
    )
    done = run_job(path / "run", job)
    assert all(trial.status.is_final for trial in done.trials)
    assert not any(trial.status is Status.FAILED for trial in done.trials)
    assert any(trial.status is Status.COMPLETED for trial in done.trials)
    assert done.state.tested is not None
    assert len([fact for fact in done.facts if isinstance(fact, Suggested)]) == job.num_samples
    epochs = [(fact.trial_id, fact.epoch) for fact in reports(done)]
    assert len(epochs) == len(set(epochs)), "no epoch was trained twice"
    return done


def reports(done: Finished) -> list[Reported]:
    return [fact for fact in done.facts if isinstance(fact, Reported)]


def resumes(done: Finished) -> list[TrialResumed]:
    return [fact for fact in done.facts if isinstance(fact, TrialResumed)]


@searchers
def test_asha_stops(tmp_path: Path, searcher: str) -> None:
    done = run(tmp_path, searcher, "asha", **IN_TURN)
    assert any(trial.note.startswith("rank ") for trial in done.trials)
    assert not resumes(done)


@searchers
def test_asha_promotes(tmp_path: Path, searcher: str) -> None:
    done = run(tmp_path, searcher, "asha", scheduler_options={"mode": "promote"}, **IN_TURN)
    assert any(isinstance(fact.decision, Pause) for fact in reports(done))
    promoted = {fact.trial_id for fact in resumes(done)}
    assert promoted
    assert all(done.state.trials[trial_id].epoch > 1 for trial_id in promoted)


@searchers
def test_hyperband_pauses_promotes_and_eliminates(tmp_path: Path, searcher: str) -> None:
    done = run(tmp_path, searcher, "hyperband", num_samples=14)
    first = [fact for fact in reports(done) if fact.epoch == 1 and fact.trial_id < 9]
    assert all(isinstance(fact.decision, Pause) for fact in first)
    ranking = sorted(first, key=lambda fact: fact.metrics["loss"])
    promoted = {fact.trial_id for fact in resumes(done) if fact.trial_id < 9}
    assert promoted == {fact.trial_id for fact in ranking[:3]}
    eliminated = {fact.trial_id for fact in done.facts if isinstance(fact, Stopped)}
    assert {fact.trial_id for fact in ranking[3:]} <= eliminated


@searchers
def test_median_stops(tmp_path: Path, searcher: str) -> None:
    done = run(tmp_path, searcher, "median", **IN_TURN)
    assert any("worse than the median" in trial.note for trial in done.trials)
    assert not resumes(done)


@searchers
def test_pbt_clones_and_a_clone_begins_where_its_donor_was(tmp_path: Path, searcher: str) -> None:
    """``before`` is the loss an epoch begins with; only ``rate`` changes, which it does not
    depend on."""
    done = run(
        tmp_path,
        searcher,
        "pbt",
        scheduler_options={"perturbation_interval": 3, "perturb": ["rate"]},
        num_samples=6,
    )
    at = {(fact.trial_id, fact.epoch): fact.metrics for fact in reports(done)}
    clones = [fact for fact in resumes(done) if fact.exploit]
    assert len(clones) == 2 * 2, "the worse third of six, after epochs 3 and 6"
    barrier = 3
    for number, fact in enumerate(clones):
        assert isinstance(fact.exploit, Exploit)
        barrier = 3 if number < 2 else 6
        donors_last = at[fact.exploit.source, barrier]["loss"]
        assert at[fact.trial_id, barrier + 1]["before"] == donors_last
    assert {trial.status for trial in done.trials} == {Status.COMPLETED}
