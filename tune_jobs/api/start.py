"""How a run starts and how it is resumed: the checks before Ray starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from types import ModuleType
from typing import Any

from tune_jobs.api.longer import check_budget, check_objective, longer
from tune_jobs.errors import UserError, counted
from tune_jobs.experiment.facts import Known
from tune_jobs.job.changes import changes
from tune_jobs.job.code import as_started
from tune_jobs.job.declaration import Declaration, as_json, code_of, rebuilt
from tune_jobs.job.notes import notes
from tune_jobs.job.origin import Origin
from tune_jobs.job.overrides import override
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder, Storage, find_run
from tune_jobs.runs.journal import read_past, truncate
from tune_jobs.runs.lock import locked
from tune_jobs.runs.stretch import Stretch
from tune_jobs.runs.warm_start import known_from

Say = Callable[[str], None]


def prepared(job: TuneJob, folder: RunFolder, storage: Storage, say: Say) -> list[Known]:
    """The checks and the notes before a run; returns what its searcher learns from first.

    Raises UserError if the job is not valid or the name is taken.
    """
    folder.check_free()
    job.validate()
    known = _known(job, storage, say)
    say(f"{folder.name}: {job.method}, {counted(job.num_samples, 'trial')} of up to {job.training}")
    for note in notes(job):
        say(f"note: {note}")
    return known


@contextmanager
def beginning(
    job: TuneJob, folder: RunFolder, storage: Storage, origin: Origin, say: Say
) -> Iterator[Stretch]:
    """The first stretch of a run. Inside, its folder is locked.

    Args:
        storage: where to look for the run that the job names as its warm start.
        origin: where the job is declared.
        say: shows a line before Ray starts.

    Raises UserError if the job is not valid or the name is taken; then nothing is written.
    """
    known = prepared(job, folder, storage, say)
    experiment = job.build_experiment(in_background=True)
    with locked(folder) as lease:
        yield Stretch(
            job,
            folder,
            Declaration.of(as_json(job, origin.file)),
            experiment,
            is_new=True,
            origin=origin,
            known=known,
            lease=lease,
        )


@contextmanager
def going_on(
    folder: RunFolder,
    content: Mapping[str, Any],
    storage: Storage,
    say: Say,
    *,
    samples: str | int | None = None,
    max_epochs: int | None = None,
    job: TuneJob | None = None,
    job_file: str | None = None,
    truncate_at: int | None = None,
    accept_changes: bool = False,
    **fields: Any,
) -> Iterator[Stretch | None]:
    """The next stretch of a run; None for a finished run that is not made longer. Inside, its
    folder is locked.

    Args:
        content: of its job.json.
        samples: trials in all, or ``"+20"`` for 20 more.
        max_epochs: of a complete trial; trials that were complete are trained longer.
        job: has the code; by default the job's file has it.
        job_file: where the job is declared now.
        truncate_at: a line of a damaged journal; this line and the following ones are dropped.
        accept_changes: continue although the scheduler now decides differently.
        fields: other fields of TuneJob, with new values for this stretch.

    Raises UserError if the run is in use, damaged, of an older version, cannot become longer, or
    would get another objective.
    """
    if job_file:
        if not Path(job_file).is_file():
            raise UserError(f"job file {job_file!r} does not exist")
        content = {**content, "file": str(Path(job_file).resolve())}
    with locked(folder) as lease, as_started(content):
        folder.fetch()  # again, now that nobody else writes
        if truncate_at is not None:
            say(f"a copy of the whole journal: {truncate(folder.journal, truncate_at)}")
        past = read_past(folder.journal)
        facts = past.facts if past else []
        code = job or code_of(content)
        was = rebuilt(content, facts, code)
        now = override(was, {**fields, **longer(was, samples, max_epochs)})
        if not isinstance(code, TuneJob):
            _tell_changes(folder, content, now, code, say)
        check_objective(was, now)
        declared = Declaration.of(content)
        state = declared.state(facts)
        if state.is_finished and now == was:
            say(f"{folder.name} is finished; make it longer with --samples +20 or --max-epochs")
            yield None
            return
        check_budget(state, now)
        now.validate()
        known: list[Known] = []
        if past is None:  # the driver ended before the first fact
            folder.journal.unlink(missing_ok=True)
            known = _known(now, storage, say)
        experiment = now.build_experiment(facts, declared.extent, in_background=True)
        if experiment.changed and not accept_changes:
            raise UserError(
                f"{experiment.changed}: its code or its options have changed. Undo the change, or "
                "use --accept-changes: recorded decisions stay, and the trials on which they "
                "differ are trained to their end"
            )
        trials = counted(now.num_samples, "trial")
        say(
            f"{folder.name}: {now.method}, {state.ended} of {trials} ended, "
            f"{counted(state.epochs_total, state.objective.unit)} so far"
        )
        yield Stretch(now, folder, declared, experiment, known=known, past=past, lease=lease)


def _tell_changes(
    folder: RunFolder, content: Mapping[str, Any], job: TuneJob, code: ModuleType | None, say: Say
) -> None:
    """Shows what the job file declares by now, but the run does not use."""
    try:
        found = changes(content, job, code)
    except UserError as error:  # a run that needs no code from the file continues
        found = list(error.problems)
    if found:
        listed = "".join(f"\n  {change}" for change in found)
        say(
            f"warning: {content['file']} has changed since the run began, and the run continues "
            f"with what was recorded then:{listed}\nFor the new values start a new run, with "
            f"--warm-start {quote(folder.where)} to learn from this one. `tune-jobs resume --help` "
            "lists what a resume can change"
        )


def _known(job: TuneJob, storage: Storage, say: Say) -> list[Known]:
    """The trials from which the searcher learns first, of the run that the job names."""
    if job.warm_start is None:
        return []
    known, left_out = known_from(find_run(storage, job.warm_start), job)
    dropped = f", without {counted(left_out, 'trial')} outside of this job's space"
    taken = counted(len(known), "trial")
    say(f"note: the searcher learns from {taken} of {job.warm_start}{dropped if left_out else ''}")
    return known
