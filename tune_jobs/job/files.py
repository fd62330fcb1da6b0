"""Ready jobs by name, your own by path: one file, one TuneJob."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from tune_jobs.errors import UserError, nearest
from tune_jobs.job.code import import_file
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.job.yaml_file import SUFFIXES

_READY = Path(__file__).parent.parent / "jobs"


def ready_jobs() -> list[str]:
    return sorted(path.stem for path in _READY.glob("*.py") if not path.stem.startswith("_"))


def load_job(name_or_path: str) -> tuple[TuneJob, ModuleType]:
    """The job of that name or in that file, and its module.

    Raises UserError for an unknown name, a file that cannot be imported (with the part of the
    traceback that lies in user code), or a file without exactly one TuneJob.
    """
    path = Path(name_or_path)
    if name_or_path in ready_jobs():
        module = importlib.import_module(f"tune_jobs.jobs.{name_or_path}")
    elif path.is_file():
        module = import_file(path.resolve())
    elif path.suffix in (".py", *SUFFIXES) or len(path.parts) > 1:
        raise UserError(f"job file {name_or_path!r} does not exist")
    else:
        raise UserError(
            f"job {name_or_path!r} is unknown; {nearest(name_or_path, ready_jobs())} "
            "(or give the path of a job file)"
        )
    return job_in(module), module


def job_in(module: ModuleType) -> TuneJob:
    """Raises UserError for a module without exactly one TuneJob; it may have several names."""
    jobs = {name: value for name, value in vars(module).items() if isinstance(value, TuneJob)}
    found = {id(job): job for job in jobs.values()}
    if len(found) != 1:
        names = f" ({', '.join(jobs)})" if jobs else ""
        raise UserError(
            f"{module.__file__} has {len(found)} TuneJobs at its top level{names}; a job file has "
            "one, and others stand in files of their own"
        )
    return next(iter(found.values()))
