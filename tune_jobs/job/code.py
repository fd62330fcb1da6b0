"""Where the code of a job is, and how a resume finds it again.

A run records how it was started: the file, the working folder, and Python's import path without
Python's own folders.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from tune_jobs.errors import UserError, explain, user_traceback
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.job.yaml_file import SUFFIXES, module_of_yaml
from tune_jobs.names import field_names
from tune_jobs.search_algos.domains import SpaceError

_PREFIX = "__job__"
"""Prefix for the module of a job that was loaded from a path; no other process can import it."""

_LIBRARIES = (
    *("bayes_opt", "cmaes", "hyperopt", "numpy", "optuna", "pandas", "pyarrow", "pydantic"),
    *("ray", "rich", "scipy", "sklearn", "tensorboard", "torch", "torchvision", "tune_jobs"),
)
_HARMLESS = {"test", "this", "code"}  # of Python's modules: nobody imports them

_importing: list[Path] = []


def is_importing() -> bool:
    """Whether a job file is being imported; it is a mistake if the file starts a run then."""
    return bool(_importing)


def stands_in_its_file(name: str) -> bool:
    """Whether ``module:Class`` exists only in the job's own file."""
    module = name.partition(":")[0].rpartition(".")[2]
    return module == "__main__" or module.startswith(_PREFIX)


def plain_name(name: str) -> str:
    """``module:Class`` as its author wrote it."""
    return name.replace(_PREFIX, "")


def started_here() -> dict[str, Any]:
    """How a run was started, for job.json; the file is recorded separately."""
    own = tuple(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib"))
    paths = [os.path.abspath(path) for path in sys.path if not path.endswith(".zip")]
    return {
        "folder": os.getcwd(),
        "import_path": [path for path in dict.fromkeys(paths) if not path.startswith(own)],
    }


@contextmanager
def as_started(content: Mapping[str, Any]) -> Iterator[None]:
    """Inside, the working folder and the import path are those of a job.json, if they still
    exist."""
    before = os.getcwd()
    # First, as at the start: a library may have a module of the same name.
    sys.path[:0] = [path for path in content.get("import_path", ()) if path not in sys.path]
    folder = content.get("folder", before)
    os.chdir(folder if os.path.isdir(folder) else before)
    try:
        yield
    finally:
        os.chdir(before)


def import_file(path: Path) -> ModuleType:
    """Imports a job file as a module, in its package if its folder is one, with no arguments. A
    YAML file is a module too.

    Raises UserError for a file that cannot be imported, with the part of the traceback that lies
    in user code; and for a file that hides a library.
    """
    if path.suffix in SUFFIXES:
        sys.path[:0] = [p for p in (str(path.parent),) if p not in sys.path]
        return module_of_yaml(path)
    if path.suffix != ".py":
        raise UserError(f"job file {str(path)!r} must end in .py, .yaml or .yml")
    _check_names(path)
    root, package = _package_of(path)
    # As for `python path`, its neighbours can be imported; as for `python -m`, its package.
    sys.path[:0] = [p for p in dict.fromkeys((str(path.parent), str(root))) if p not in sys.path]
    name = f"{package}{_PREFIX}{path.stem.replace('.', '_')}"  # a dot would mean a package
    arguments, sys.argv = sys.argv, [str(path)]
    _importing.append(path)
    try:
        if package:
            importlib.import_module(package.rstrip("."))
        return _executed(name, path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # some libraries leave a file with one that is no Exception
        sys.modules.pop(name, None)
        said = _in_our_words(error)
        shown = user_traceback(error, said)
        raise UserError(f"job file {str(path)!r} cannot be imported:\n{shown}") from error
    finally:
        _importing.pop()
        sys.argv = arguments


def _executed(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _package_of(path: Path) -> tuple[Path, str]:
    """The folder to import from, and the package's name with a dot, or an empty text."""
    parts: list[str] = []
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, "".join(f"{part}." for part in parts)


def _check_names(path: Path) -> None:
    """Raises UserError if the file or a file beside it hides a module that a run imports."""
    own = {path.stem} & (sys.stdlib_module_names - _HARMLESS)
    here = [path.parent / f"{name}.py" for name in _LIBRARIES]
    hiding = [path] if own else [file for file in here if file.is_file()]
    if hiding:
        raise UserError(
            f"{str(hiding[0])!r} has the name of a module that tune-jobs imports, "
            f"{hiding[0].stem!r}, and would be imported instead; give the file another name"
        )


def _in_our_words(error: BaseException) -> str:
    """A readable message for an error in a declaration; empty for other errors."""
    if isinstance(error, SystemExit):
        return (
            f"it exits (exit code {error.code}) when it is imported; put code that parses "
            'arguments, exits or starts a run under `if __name__ == "__main__":`'
        )
    if isinstance(error, ValidationError) and error.title == TuneJob.__name__:
        return str(explain(error, field_names(TuneJob)))
    return str(error) if isinstance(error, (SpaceError, UserError)) else ""
