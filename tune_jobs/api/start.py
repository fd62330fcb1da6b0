"""Going on with a run: what is checked and put together before its driver starts."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Known
from tune_jobs.experiment.state import RunState
from tune_jobs.job.declaration import rebuilt
from tune_jobs.job.overrides import override
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import name_of
from tune_jobs.runs.books import locked
from tune_jobs.runs.folder import RunFolder, Storage, find_run
from tune_jobs.runs.journal import read_past, truncate
from tune_jobs.runs.warm_start import known_from
from tune_jobs.storage.mirror import fetch
from tune_jobs.views.progress import progress_view
from tune_jobs.views.texts import clock


def resume(
    folder: RunFolder,
    storage: Storage,
    console: Console,
    *,
    num_samples: str | None = None,
    max_epochs: int | None = None,
    job_file: str | None = None,
    truncate_at: int | None = None,
    **fields: Any,
) -> tuple[RunFolder, RunState]:
    """Goes on with a run until it ends, longer than it was where a number says so; returns what
    came of it.

    Args:
        storage: where the run that it is warmly started from is looked for.
        num_samples: trials in all, or with a ``+`` how many more.
        max_epochs: of a complete trial; those that were complete go on.
        job_file: where the job is declared now.
        truncate_at: a line of a damaged journal; it and what follows are left out.
        fields: others of TuneJob that are different for this stretch.

    Raises UserError where the run is in use, damaged, of an older version, or cannot grow so.
    """
    with locked(folder) as lease:
        if folder.bucket:
            fetch(folder.bucket, folder.path)  # again, now that nobody else writes
        if truncate_at is not None:
            kept = truncate(folder.journal, truncate_at)
            console.print(f"the whole journal is kept as {kept}", highlight=False, soft_wrap=True)
        past = read_past(folder.journal)
        facts = past.facts if past else []
        found = folder.read_job_json()
        was = rebuilt(found | ({"file": job_file} if job_file else {}), facts)
        job = override(was, {**fields, **_longer(was, num_samples, max_epochs)})
        state = folder.read_declaration().state(facts)
        if _is_finished(state) and job == was:
            console.print(
                f"{folder.name} is finished; make it longer with --samples +20 or --max-epochs",
                highlight=False,
            )
            return folder, state
        _check_budget(state, job)
        job.validate()
        console.print(f"{folder.name}: {job.method}, {_standing(state, job)}", highlight=False)
        known: list[Known] = []
        if past is None:  # it ended before it began
            folder.journal.unlink(missing_ok=True)
            known = known_from(find_run(storage, job.warm_start), job) if job.warm_start else []
        from tune_jobs.on_ray import runner  # Ray takes seconds to import

        progress = progress_view(job, console)
        try:
            return folder, runner.resume(job, folder, lease, past, progress, known)
        finally:
            progress.close()


def _longer(job: TuneJob, num_samples: str | None, max_epochs: int | None) -> dict[str, int]:
    """The new numbers. Raises UserError for what is not more, or cannot be."""
    changes = {}
    if num_samples is not None:
        changes["num_samples"] = _samples(job, num_samples)
    if max_epochs is not None and max_epochs != job.max_epochs:
        if job.folds:
            raise UserError(
                f"every fold of the run was trained for {job.max_epochs} epochs, and --max-epochs "
                f"would have others trained for {max_epochs}; start a new run"
            )
        if max_epochs < job.max_epochs:
            raise UserError(
                f"--max-epochs is {max_epochs}, the run has {job.max_epochs}; give more"
            )
        if not job.build_scheduler().can_grow:
            raise UserError(
                f"scheduler {name_of(job.scheduler)!r} has planned for {job.max_epochs} epochs and "
                "cannot change that; add trials with --samples, or start a new run with "
                "--warm-start"
            )
        changes["max_epochs"] = max_epochs
    return changes


def _samples(job: TuneJob, given: str) -> int:
    try:
        count = int(given) + (job.num_samples if given.startswith("+") else 0)
    except ValueError:
        raise UserError(f"--samples is {given!r}; give a number, or +20 for 20 more") from None
    if count < job.num_samples:
        raise UserError(f"--samples is {given}, the run has {job.num_samples}; give more, or +20")
    return count


def _check_budget(state: RunState, job: TuneJob) -> None:
    budget, spent = job.time_budget, state.seconds
    if budget is not None and spent >= budget:
        raise UserError(
            f"the run has used {clock(spent)} of its time budget of {clock(budget)}; give more, in "
            "all, with --time-budget"
        )


def _is_finished(state: RunState) -> bool:
    return state.closed is not None and state.closed.status == "finished"


def _standing(state: RunState, job: TuneJob) -> str:
    return f"{state.ended} of {job.num_samples} trials ended, {state.epochs_total} epochs so far"
