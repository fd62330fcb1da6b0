"""One driver's part of a run: from its begin, or a resume, to whatever ends it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.facts import Known
from tune_jobs.job.declaration import Declaration
from tune_jobs.job.origin import Origin
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Past
from tune_jobs.storage.lease import Lease


@dataclass(frozen=True)
class Stretch:
    """What a driver gets of a run that is locked for it.

    Attributes:
        job: valid, as it is now.
        declared: the part of job.json that views need.
        experiment: in the state after the facts so far; nobody drives it yet.
        is_new: the run has no job.json yet.
        origin: where the job is declared, for a run that starts.
        known: trials from which the searcher learns first, for a run that starts.
        past: the journal to continue; None for a run that starts.
        lease: the lock of a run in a bucket, which must be renewed.
        began: when the command started, in seconds since 1970.
    """

    job: TuneJob
    folder: RunFolder
    declared: Declaration
    experiment: Experiment
    is_new: bool = False
    origin: Origin = field(default_factory=Origin)
    known: list[Known] = field(default_factory=list)
    past: Past | None = None
    lease: Lease | None = None
    began: float | None = None
