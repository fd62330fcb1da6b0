"""Ready jobs by name, anybody's own by path: one file, one TuneJob."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from tune_jobs.errors import UserError, explain, nearest, user_traceback
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import field_names
from tune_jobs.search_algos.domains import SpaceError

_READY = Path(__file__).parent.parent / "jobs"

MODULE_PREFIX = "__job__"
"""Begins the module name of a job loaded from a path, which no other process can import."""


def ready_jobs() -> list[str]:
    return sorted(path.stem for path in _READY.glob("*.py") if not path.stem.startswith("_"))


def load_job(name_or_path: str) -> tuple[TuneJob, ModuleType]:
    """The job of that name or in that file, and the module it stands in.

    Raises UserError for a name that is not there, a file that does not import (with the part
    of the traceback that lies in user code), or one without exactly one TuneJob.
    """
    path = Path(name_or_path)
    if name_or_path in ready_jobs():
        module = importlib.import_module(f"tune_jobs.jobs.{name_or_path}")
    elif path.is_file():
        module = import_file(path.resolve())
    elif path.suffix == ".py" or len(path.parts) > 1:
        raise UserError(f"job file {name_or_path!r} does not exist")
    else:
        raise UserError(
            f"job {name_or_path!r} is unknown; {nearest(name_or_path, ready_jobs())} "
            "(or give the path of a job file)"
        )
    return job_in(module), module


def job_in(module: ModuleType) -> TuneJob:
    """Raises UserError for a module without exactly one TuneJob."""
    found = [value for value in vars(module).values() if isinstance(value, TuneJob)]
    if len(found) != 1:
        raise UserError(
            f"{module.__file__} has {len(found)} TuneJobs at its top level; a job file has one"
        )
    return found[0]


def declared_in(job: TuneJob) -> Path | None:
    """The file that a job comes from: that of its classes, else the script that is run; None in a
    notebook."""
    classes = [c for c in (job.model, job.searcher, job.scheduler) if isinstance(c, type)]
    modules = [cls.__module__ for cls in classes]
    inside = [m for m in modules if m == "__main__" or m.startswith(MODULE_PREFIX)]
    file = getattr(sys.modules.get((inside or ["__main__"])[0]), "__file__", None)
    return Path(file).resolve() if file and file.endswith(".py") else None


def import_file(path: Path) -> ModuleType:
    """A job file as a module. Raises UserError as `load_job` does."""
    name = f"{MODULE_PREFIX}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"job file {str(path)!r} is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))  # as for `python path`: its neighbours can be imported
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        shown = user_traceback(error, _in_our_words(error))
        raise UserError(f"job file {str(path)!r} does not import:\n{shown}") from error
    return module


def _in_our_words(error: Exception) -> str:
    """What a declaration did wrong; nothing where the error is not about one."""
    if isinstance(error, ValidationError) and error.title == TuneJob.__name__:
        return str(explain(error, field_names(TuneJob)))
    return str(error) if isinstance(error, (SpaceError, UserError)) else ""
