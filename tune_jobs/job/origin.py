"""Where a job is declared."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tune_jobs.errors import UserError
from tune_jobs.job.code import stands_in_its_file
from tune_jobs.job.files import job_in
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import module_of


@dataclass(frozen=True)
class Origin:
    """Where a job is declared.

    Attributes:
        file: None in a notebook.
        job: as the file declares it, before a command line changes it; None if a resume would not
            find it there.
    """

    file: Path | None = None
    job: TuneJob | None = None

    @classmethod
    def of(cls, job: TuneJob, module: ModuleType | None) -> Origin:
        """The origin of a job that comes from this module."""
        file = getattr(module, "__file__", None)
        if module is None or file is None:
            return cls()
        try:
            is_the_one = job_in(module) is job
        except UserError:  # it has none, or several
            is_the_one = False
        return cls(Path(file).resolve(), job if is_the_one else None)


def origin_of(job: TuneJob, declared: TuneJob) -> Origin:
    """The origin of a job that runs from Python: the file with its classes, else the script that
    runs.

    Args:
        declared: the job before it got other values for this run.
    """
    derived = [value.function for value in job.derived.values()]
    fields = (job.model, job.test, job.searcher, job.scheduler, job.stop)
    modules = [module_of(code) for code in (*fields, *derived) if callable(code)]
    inside = [module for module in modules if stands_in_its_file(f"{module}:")]
    found = Origin.of(declared, sys.modules.get((inside or ["__main__"])[0]))
    if found.file is None or found.file.suffix != ".py":
        return Origin()
    return found if inside else Origin(found.file)  # no resume imports a script without need
