"""Who may import whom, and what the light commands must not wait for."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "models": {"ray", "search_algos", "tune_jobs"},
    # Pure: besides the upper floors no files, no clock, no processes and no global randomness.
    "search_algos": {
        *("ray", "torch", "models", "tune_jobs"),
        *("os", "pathlib", "io", "shutil", "time", "datetime", "subprocess", "random"),
    },
    "tune_jobs": {"ray", "random"},
}


def python_files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Top-level names of all imports of a file, wherever in it they stand."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_a_package_imports_nothing_from_above_or_beside_it(package: str) -> None:
    files = [path for path in python_files(package) if path.parent.name != "on_ray"]
    assert len(files) > 5
    for path in files:
        wrong = set(imported(path)) & FORBIDDEN[package]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_ray_is_imported_in_one_folder() -> None:
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for package in FORBIDDEN
        for path in python_files(package)
        if "ray" in imported(path)
    }
    assert folders == {"tune_jobs/on_ray"}


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_no_global_random_state(package: str) -> None:
    legacy = ("np.random.seed", "np.random.rand", "numpy.random.seed", "RandomState")
    for path in python_files(package):
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
    script = f"from tune_jobs.cli import cli; cli({command!r}, standalone_mode=False)"
    assert not imported_by(script, {"ray", "torch", "numpy", "hyperopt", "pandas"})


def test_a_wrong_job_is_told_before_ray_is_imported() -> None:
    script = """
from tune_jobs.cli import cli
from tune_jobs.errors import UserError

try:
    cli(["run", "digits_cnn", "--set", "widht=3"], standalone_mode=False)
except UserError as error:
    assert "'width'" in str(error)
"""
    assert imported_by(script, {"ray", "torch"}) == {"torch"}, "of the model"


def test_ray_starts_before_ray_tune_is_imported() -> None:
    assert imported_by("import tune_jobs.on_ray.runner", {"ray", "ray.tune"}) == {"ray"}
