"""What may change when a run is resumed."""

from __future__ import annotations

from typing import Any

from tune_jobs.errors import UserError, counted
from tune_jobs.experiment.state import RunState
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import name_of


def longer(job: TuneJob, samples: str | int | None, max_epochs: int | None) -> dict[str, Any]:
    """The fields of a longer run. Raises UserError if it is not longer, or cannot be.

    Args:
        samples: trials in all, or ``"+20"`` for 20 more.
        max_epochs: of a complete trial.
    """
    changes = {}
    if samples is not None:
        changes["num_samples"] = _samples(job, str(samples))
    if max_epochs is not None and max_epochs != job.max_epochs:
        _check_longer_training(job, max_epochs)
        changes["max_epochs"] = max_epochs
    return changes


def check_objective(was: TuneJob, now: TuneJob) -> None:
    """Raises UserError if the run would be judged in another way than its decisions were."""
    for name, before, given in (
        ("metric", was.metric, now.metric),
        ("mode", was.mode, now.mode),
        ("best", was.objective.best, now.objective.best),
    ):
        if before != given:
            raise UserError(
                f"{name} is {given!r}, the run has {before!r}, and its trials were chosen and "
                "stopped by that; start a new run with it, and with the run as its warm_start"
            )


def check_budget(state: RunState, job: TuneJob) -> None:
    """Raises UserError if the time of the whole run is used up."""
    budget, spent = job.time_budget, state.seconds
    if budget is not None and spent >= budget:
        raise UserError(
            f"the run has used {spent:.0f} s of its time budget of {budget:g} s; give a larger "
            "--time-budget, which is for the whole run"
        )


def _check_longer_training(job: TuneJob, max_epochs: int) -> None:
    epochs = counted(job.max_epochs, "epoch")
    if job.folds:
        raise UserError(
            f"every fold of the run was trained for {epochs}, and --max-epochs would "
            f"train the other folds for {max_epochs}; start a new run"
        )
    if max_epochs < job.max_epochs:
        raise UserError(f"--max-epochs is {max_epochs}, the run has {job.max_epochs}; give more")
    if not job.build_scheduler().can_grow:
        raise UserError(
            f"scheduler {name_of(job.scheduler)!r} has planned for {epochs} and "
            "cannot change its plan; add trials with --samples, or start a new run with "
            "--warm-start"
        )


def _samples(job: TuneJob, given: str) -> int:
    try:
        count = int(given) + (job.num_samples if given.startswith("+") else 0)
    except ValueError:
        raise UserError(f"--samples is {given!r}; give a number, or +20 for 20 more") from None
    if count < job.num_samples:
        raise UserError(f"--samples is {given}, the run has {job.num_samples}; give more, or +20")
    return count
