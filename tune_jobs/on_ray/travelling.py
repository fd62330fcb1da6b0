"""A user's own modules and packages, which travel to the nodes of a cluster that a run joins."""

from __future__ import annotations

import ast
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from tune_jobs.job.code import stands_in_its_file, started_here
from tune_jobs.on_ray.internals import submitted_env

_INSTALLED = {"site-packages", "dist-packages"}


def own_code() -> dict[str, list[str]]:
    """The part of a runtime environment that brings this code to the workers; empty if there is
    none, or if whoever submitted the job to Ray said what travels."""
    said = submitted_env()
    if "working_dir" in said or "py_modules" in said or not (found := travelling()):
        return {}
    return {"py_modules": [str(path) for path in found], "excludes": ["__pycache__"]}


def travelling() -> list[Path]:
    """The modules and packages that the code of the job imports, as far as they are the user's
    own: they stand in a folder of the import path where nothing is installed. Also those that a
    function imports when it is called."""
    folders = _own_folders()
    modules = sys.modules.copy()  # the driver is imported meanwhile, in a thread
    loaded = [name for name in modules if "." not in name]
    files = [Path(file) for name in modules if (file := _file_of_job(name, modules[name]))]
    waiting, seen, found = deque([*loaded, *_imported(files)]), set[str](), dict[str, Path]()
    while waiting:
        name = waiting.popleft()
        if name in seen:
            continue
        seen.add(name)
        if place := _place_of(name, folders):
            found[name] = place
            waiting += _imported(place.rglob("*.py") if place.is_dir() else [place])
    return [found[name] for name in sorted(found)]


def _own_folders() -> set[Path]:
    paths = [Path(path) for path in started_here()["import_path"]]
    return {path.resolve() for path in paths if not _INSTALLED.intersection(path.parts)}


def _file_of_job(name: str, module: ModuleType) -> str | None:
    return getattr(module, "__file__", None) if stands_in_its_file(f"{name}:") else None


def _place_of(name: str, folders: set[Path]) -> Path | None:
    """The folder of a package or the file of a module, if it stands in one of the folders."""
    if name in ("__main__", "tune_jobs") or stands_in_its_file(f"{name}:"):
        return None
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    for place in spec.submodule_search_locations or filter(None, [spec.origin]):
        path = Path(place).resolve()
        if path.exists() and path.parent in folders:
            return path
    return None


def _imported(files: Iterable[Path]) -> Iterator[str]:
    """The top-level names of all modules that the files import, wherever in them that stands."""
    for file in files:
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Import(names):
                    yield from (alias.name.partition(".")[0] for alias in names)
                case ast.ImportFrom(str(module), level=0):
                    yield module.partition(".")[0]
