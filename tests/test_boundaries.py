"""Who may import whom, and what the light commands must not wait for."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("models", "search_algos", "tune_jobs")

FLOORS = [
    {"on_ray.meanwhile"},
    {"models", "search_algos", "errors", "on_ray.internals"},
    {"names", "storage"},
    {"experiment"},
    {"on_ray.ray_tune"},
    {"job"},
    {"runs"},
    {"views", "simulation"},
    {"on_ray"},
    {"api"},
    {"cli"},
    {"jobs"},
]
"""The rooms of `tune_jobs`: one imports what stands on lower floors, and nothing else."""

OUTSIDE = {
    # Pure: no files, no clock, no processes and no global randomness.
    "search_algos": {
        *("ray", "torch"),
        *("os", "pathlib", "io", "shutil", "time", "datetime", "subprocess", "random"),
    },
    "models": {"ray"},
    "tune_jobs": {"random"},
}


def python_files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    """Its import name."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    parts = parts if parts[0] == "tune_jobs" else ["tune_jobs", *parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for package in PACKAGES for path in python_files(package)}


def imported(path: Path) -> Iterator[str]:
    """The names of all modules that a file imports, wherever in it that stands, but for the
    eyes of a type checker."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path} has a relative import"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in MODULES else node.module


def room_of(module: str) -> str:
    """The room of one of our modules, of the longest name that is one."""
    rooms = {room for floor in FLOORS for room in floor}
    name = module.removeprefix("tune_jobs.")
    fitting = [room for room in rooms if f"{name}.".startswith(f"{room}.")]
    assert fitting, f"{module} stands in no room of FLOORS"
    return max(fitting, key=len)


def ours(path: Path) -> set[str]:
    """Our modules that a file imports, but for the front door `tune_jobs`."""
    return {name for name in imported(path) if name in MODULES} - {"tune_jobs"}


def test_every_import_points_downward() -> None:
    floor_of = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    doors = {"tune_jobs", "tune_jobs.__main__"}
    arrows = [(m, target) for m, path in MODULES.items() for target in ours(path)]
    assert len(arrows) > 200
    for module, target in arrows:
        if module in doors or room_of(module) == room_of(target):
            continue
        upper, lower = floor_of[room_of(module)], floor_of[room_of(target)]
        assert lower < upper, f"{module} imports {target}, which stands above or beside it"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: ours(path) for module, path in MODULES.items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_no_room_has_outgrown_a_look() -> None:
    links = {"models", "search_algos", "__init__.py", "__main__.py", "__pycache__"}
    entries = {path.name for path in (ROOT / "tune_jobs").iterdir()} - links
    assert len(entries) <= 12, entries
    for path in MODULES.values():
        tree = ast.parse(path.read_text())
        assert len(path.read_text().splitlines()) <= 300, f"{path} is long"
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert (node.end_lineno or 0) - node.lineno < 200, f"{path}: {node.name} is long"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_does_not_import_what_is_none_of_its_business(package: str) -> None:
    for path in python_files(package):
        wrong = {name.partition(".")[0] for name in imported(path)} & OUTSIDE[package]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_ray_is_imported_in_one_folder() -> None:
    folders = {
        path.relative_to(ROOT).parts[:2]
        for path in MODULES.values()
        if "ray" in {name.partition(".")[0] for name in imported(path)}
    }
    assert folders == {("tune_jobs", "on_ray")}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_global_random_state(package: str) -> None:
    legacy = ("np.random.seed", "np.random.rand", "numpy.random.seed", "RandomState")
    for path in python_files(package):
        if path == ROOT / "models" / "randomness.py":  # its one place
            continue
        text = path.read_text()
        assert not [word for word in legacy if word in text], path
        if "manual_seed" in text:
            assert "fork_rng" in text, f"{path} seeds torch for everybody"


def imported_by(script: str, modules: set[str]) -> set[str]:
    """Those of the modules that a process has imported when it is done with the script."""
    script += f"\nimport sys; print(*({modules!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("command", [["list"], ["show", "digits_cnn"], ["status"], ["--help"]])
def test_light_commands_wait_for_neither_ray_nor_torch(command: list[str]) -> None:
    script = f"from tune_jobs.cli.commands import cli; cli({command!r}, standalone_mode=False)"
    assert not imported_by(script, {"ray", "torch", "numpy", "hyperopt", "pandas"})


def test_completing_a_line_waits_for_neither_ray_nor_torch() -> None:
    script = """
import os, sys
from tune_jobs.cli.commands import main

os.environ |= {"_TUNE_JOBS_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
os.environ["COMP_WORDS"] = "tune-jobs run dig"
sys.argv = ["tune-jobs"]
try:
    main()
except SystemExit:
    pass
"""
    assert not imported_by(script, {"ray", "torch", "numpy", "hyperopt", "pandas"})


def test_a_first_suggestion_waits_for_no_library_of_a_model() -> None:
    script = """
from tune_jobs.jobs.digits_cnn import job
from tune_jobs.search_algos.history import History
searcher = job.build_searcher()
assert job.domains.contains(searcher.suggest_new(0, History(job.domains)))
"""
    assert not imported_by(script, {"ray", "torch", "hyperopt", "scipy"})


def test_what_is_installed_is_one_name(tmp_path: Path) -> None:
    script = f"""
from importlib.util import find_spec
print(*(name for name in {PACKAGES!r} if find_spec(name)))
"""
    python = [sys.executable, "-I", "-c", script]  # without the working folder, or $PYTHONPATH
    done = subprocess.run(python, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tune_jobs"]


def test_the_package_itself_imports_nothing() -> None:
    libraries = {"ray", "torch", "numpy", "pandas", "pydantic", "click", "rich"}
    assert not imported_by("import tune_jobs", libraries)


def test_a_wrong_job_is_told_before_ray_is_imported() -> None:
    script = """
from tune_jobs.cli.commands import cli
from tune_jobs.errors import UserError

try:
    cli(["run", "digits_cnn", "--set", "widht=3"], standalone_mode=False)
except UserError as error:
    assert "'width'" in str(error)
"""
    assert imported_by(script, {"ray", "torch"}) == {"torch"}, "of the model"


def test_ray_starts_before_ray_tune_is_imported() -> None:
    assert imported_by("import tune_jobs.on_ray.runner", {"ray", "ray.tune"}) == {"ray"}
