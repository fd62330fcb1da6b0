"""Which code of a user reaches a node that does not share the folder of the job file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

JOB = """
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from my_package.deep import SHIFT
from tune_jobs import Float, Model, TuneJob


class Mine(Model):
    @dataclass(frozen=True)
    class Config:
        x: float = 0.0

    def train_epoch(self):
        import helper

        assert helper.SHIFT is SHIFT
        import_module("named_by_the_job")
        return {}

    def evaluate(self):
        return {"loss": self.config.x + SHIFT}

    def save(self, folder):
        (folder / "state").touch()

    def load(self, folder):
        pass


job = TuneJob(
    name="mine",
    model=Mine,
    space={"x": Float(0, 1)},
    metric="loss",
    mode="min",
    searcher="random",
    scheduler="fifo",
    num_samples=2,
    max_epochs=1,
    max_failures=0,
    runtime_env={"py_modules": [str(Path(__file__).parent / "elsewhere" / "named_by_the_job")]},
)
"""
APART = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec")
DRIVER = """
mount -t tmpfs tmpfs "$1"
cp -r "$2/." "$1"
exec "$3" -m tune_jobs run "$1/job.py" --name mine
"""


PACKAGE = {
    "job.py": JOB,
    "helper.py": "from my_package.deep import SHIFT\n",
    "my_package/__init__.py": "",
    "elsewhere/named_by_the_job/__init__.py": "",
    "my_package/deep/__init__.py": "SHIFT = 1\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A job file, and what stands beside it."""
    folder = tmp_path / "source"
    for name, text in PACKAGE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # Different in each test: Ray keeps what came once.
        (folder / name).write_text(f"{text}\n# {folder}\n")
    return folder


def run_apart(source: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the job from a folder that no other process sees."""
    import ray

    if subprocess.run([*APART, "mount -t tmpfs tmpfs /mnt"], capture_output=True).returncode:
        pytest.skip("no mounts of one's own are allowed here")
    only_drivers = source.parent / "only_drivers"
    only_drivers.mkdir()
    address = ray.get_runtime_context().gcs_address
    done = subprocess.run(
        [*APART, DRIVER, "sh", only_drivers, source, sys.executable],
        env={**os.environ, "RAY_ADDRESS": address, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not list(only_drivers.iterdir()), "nobody but the driver saw it"
    return done


def test_what_a_job_file_imports_reaches_nodes_that_do_not_have_it(
    ray_session: None, source: Path
) -> None:
    done = run_apart(source)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trials 2/2" in done.stdout


def test_what_cannot_travel_is_named(ray_session: None, source: Path) -> None:
    done = run_apart(source, RAY_RUNTIME_ENV_FAIL_UPLOAD_FOR_TESTING="1")
    assert done.returncode == 2
    for told in ("cannot travel", "elsewhere/named_by_the_job", ".rayignore"):
        assert told in done.stderr
