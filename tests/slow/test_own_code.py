"""Which code of a user reaches a node that does not share the folder of the job file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

JOB = """
from dataclasses import dataclass

from tune_jobs import Float, Model, TuneJob

{shifted}


class Mine(Model):
    @dataclass(frozen=True)
    class Config:
        x: float = 0.0

    def train_epoch(self):
        return {{}}

    def evaluate(self):
        return {{"loss": shifted(self.config.x)}}

    def save(self, folder):
        (folder / "state").touch()

    def load(self, folder):
        pass


job = TuneJob(
    name="mine",
    model=Mine,
    space={{"x": Float(0, 1)}},
    metric="loss",
    mode="min",
    searcher="random",
    scheduler="fifo",
    num_samples=2,
    max_epochs=1,
    max_failures=0,
)
"""
APART = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec")
DRIVER = """
mount -t tmpfs tmpfs "$1"
cp -r "$2/." "$1"
exec "$3" -m tune_jobs run "$1/job.py" --name mine
"""


@pytest.mark.parametrize(
    ("shifted", "code", "said"),
    [
        ("def shifted(x): return x + 1", 0, "trials 2/2"),
        ("from my_package import shifted", 1, "No module named 'my_package'"),
    ],
)
def test_a_job_file_reaches_nodes_that_do_not_have_it_but_not_a_package_beside_it(
    ray_session: None, tmp_path: Path, shifted: str, code: int, said: str
) -> None:
    import ray

    if subprocess.run([*APART, "mount -t tmpfs tmpfs /mnt"], capture_output=True).returncode:
        pytest.skip("no mounts of one's own are allowed here")
    source, only_drivers = tmp_path / "source", tmp_path / "only_drivers"
    (source / "my_package").mkdir(parents=True)
    (source / "my_package" / "__init__.py").write_text("def shifted(x): return x + 1\n")
    (source / "job.py").write_text(JOB.format(shifted=shifted))
    only_drivers.mkdir()
    done = subprocess.run(
        [*APART, DRIVER, "sh", only_drivers, source, sys.executable],
        env={**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout
    assert not list(only_drivers.iterdir()), "nobody but the driver saw it"
