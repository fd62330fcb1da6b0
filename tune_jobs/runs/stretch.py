"""One driver's part of a run: from its begin, or a resume, to whatever ends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.facts import Known
from tune_jobs.job.declaration import Declaration
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Past
from tune_jobs.storage.lease import Lease


@dataclass(frozen=True)
class Stretch:
    """What a driver is given, of a run that is locked for it.

    Attributes:
        job: valid, as it is now.
        declared: the part of job.json that views need.
        experiment: where the facts so far have brought it; nobody drives it yet.
        is_new: the run has no job.json yet.
        file: where the job is declared.
        known: what the searcher learns from first, where the run begins.
        past: the journal that the run goes on with; None where it begins.
        lease: the lock of a run in a bucket, to be renewed.
        began: when its command did, in seconds since 1970.
    """

    job: TuneJob
    folder: RunFolder
    declared: Declaration
    experiment: Experiment
    is_new: bool = False
    file: Path | None = None
    known: list[Known] = field(default_factory=list)
    past: Past | None = None
    lease: Lease | None = None
    began: float | None = None
