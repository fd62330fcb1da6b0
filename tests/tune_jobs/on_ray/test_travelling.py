"""Which of a user's modules travel with a job."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tune_jobs.job.code import import_file
from tune_jobs.on_ray.travelling import own_code, travelling

JOB = """
import json
from odd_package.inner import thing

import odd_module
import numpy
import tune_jobs


def train(config):
    from odd_lazy import other
"""


FILES = {
    "odd_job.py": JOB,
    "odd_module.py": "",
    "odd_lazy.py": "def other():\n    import odd_namespace.part\n",
    "odd_package/__init__.py": "",
    "odd_package/inner.py": "thing = 1\n\ndef f():\n    import odd_deep\n",
    "odd_namespace/part.py": "import odd_absent",
    "odd_deep.py": "this is no Python",
    "odd_unused.py": "",
    "data/huge.bin": "",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """With a job that is imported."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    import_file(tmp_path / "odd_job.py")
    yield tmp_path
    for name in [name for name in sys.modules if "odd_" in name]:
        del sys.modules[name]


def names_of(paths: Iterable[Path | str], folder: Path) -> set[str]:
    """Of those in the folder; the rest are those of this test."""
    return {Path(path).name for path in paths if Path(path).parent == folder}


def test_all_that_a_job_imports_now_or_later_travels_and_nothing_else(folder: Path) -> None:
    assert names_of(travelling(), folder) == {
        *("odd_module.py", "odd_package", "odd_lazy.py", "odd_namespace", "odd_deep.py"),
    }


def test_nothing_that_is_installed_travels(folder: Path) -> None:
    names = {path.stem for path in travelling()}
    assert not names & {"numpy", "tune_jobs", "json", "pytest", "ray"}


def test_another_thread_may_import_meanwhile(folder: Path) -> None:
    """Here a module that imports another one when it is looked at."""

    class Lazy(ModuleType):
        def __getattribute__(self, name: str) -> object:
            sys.modules["odd_late"] = ModuleType("odd_late")
            return super().__getattribute__(name)

    job = next(name for name in sys.modules if name.endswith("odd_job"))
    sys.modules[f"{job}_lazy"] = Lazy("lazy")
    assert "odd_package" in names_of(travelling(), folder)
    assert "odd_late" in sys.modules


@pytest.mark.parametrize("said", ["working_dir", "py_modules"])
def test_who_submits_to_ray_says_what_travels(
    folder: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    name = "RAY_JOB_CONFIG_JSON_ENV_VAR"
    monkeypatch.setenv(name, json.dumps({"runtime_env": {"pip": ["humanize"]}}))
    assert names_of(own_code()["py_modules"], folder)
    monkeypatch.setenv(name, json.dumps({"runtime_env": {said: "gcs://some.zip"}}))
    assert own_code() == {}
