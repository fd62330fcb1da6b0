"""`ray up`, `ray submit`, `ray exec ... resume`, `ray down`, as docs/cluster.md says, over ssh."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from drivers import facts, state_of
from hosts import PATH, Network, network, wait_until, why_none

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Reported
from tune_jobs.experiment.trial import Status
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.lock import locked

ROOT = Path(__file__).parents[2]
RAY = Path(sys.executable).with_name("ray")
JOB = "tune_jobs/jobs/digits_cnn.py"

pytestmark = [
    pytest.mark.skipif(bool(why_none()), reason=why_none()),
    pytest.mark.timeout(480),
]


@dataclass
class Laptop:
    """Where somebody types commands; it can reach the hosts."""

    network: Network
    config: Path

    @property
    def runs(self) -> Path:
        return self.network.folder / "shared"

    @property
    def token(self) -> str:
        return (self.network.folder / "laptop/.ray/auth_token").read_text().strip()

    def ray(self, command: str, *arguments: object) -> str:
        """The output of `ray COMMAND cluster.yaml ...`."""
        done = subprocess.run(
            [RAY, command, *map(str, arguments)],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def lost_after(self, *command: object) -> Iterator[None]:
        """Inside, a command of Ray is at work; at the end the laptop is lost."""
        silent = subprocess.DEVNULL
        words = [str(RAY), *map(str, command)]
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=self.environment,
            stdin=silent,
            stdout=silent,
            stderr=silent,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with its ssh
            process.wait()

    @property
    def environment(self) -> dict[str, str]:
        home = str(self.network.folder / "laptop")
        return {**os.environ, "PATH": PATH, "HOME": home, "RAY_TMPDIR": home}


def filled_in(network: Network) -> str:
    """cluster/local.yaml, with its five places filled in."""
    text = (ROOT / "cluster" / "local.yaml").read_text()
    head, *workers = [host.address for host in network.hosts]
    changes = {
        r"head_ip: \S+": f"head_ip: {head}",
        r"worker_ips:.*\n(?:    - .*\n)+": f"worker_ips: {workers}\n",
        r"ssh_user: \S+": "ssh_user: root",
        r"ssh_private_key: \S+": f"ssh_private_key: {network.key}",
        r"TUNE_JOBS_STORAGE=\S+": f"TUNE_JOBS_STORAGE={network.folder}/shared",
    }
    for pattern, new in changes.items():
        text, count = re.subn(pattern, new, text)
        assert count == 1, pattern
    assert text.count("<-") == 1 + len(changes) - 1, "the one in the introduction, and the places"
    return text


def packages(folder: Path) -> dict[str, str]:
    """Hosts have no way out: they install from what is on this disk since our own environment was
    made, and uv itself from a wheel."""
    here = [RAY.with_name("python"), "-m"]
    subprocess.run([*here, "pip", "download", "-q", "--no-deps", "-d", folder, "uv"], check=True)
    cache = subprocess.check_output([*here, "uv", "cache", "dir"], text=True).strip()
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    return {"UV_OFFLINE": "1", "UV_CACHE_DIR": cache, **pip}


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    """With a host that is no cluster yet."""
    with network(1, PATH=PATH, **packages(tmp_path / "wheels")) as made:
        laptop = Laptop(made, made.folder / "local.yaml")
        (made.folder / "laptop").mkdir()
        laptop.runs.mkdir()
        laptop.config.write_text(filled_in(made))
        laptop.ray("get-auth-token", "--generate")
        yield laptop


def project(folder: Path) -> Path:
    """A job file with a package beside it."""
    (folder / "my_package").mkdir(parents=True)
    (folder / "my_package/__init__.py").write_text("LOSS = 7.0\n")
    (folder / "my_job.py").write_text(
        """
from my_package import LOSS
from tune_jobs import Float, TuneJob, report


def train(config):
    report({"loss": LOSS})


job = TuneJob(
    name="mine", model=train, space={"x": Float(0, 1)}, metric="loss", mode="min", num_samples=2,
    max_epochs=1, searcher="random", scheduler="fifo",
)
"""
    )
    return folder


def is_free(run: RunFolder) -> bool:
    """Whether no driver is at work on it."""
    try:
        with locked(run):
            return True
    except UserError:
        return False


def holders(token: str, folder: Path) -> list[Path]:
    """The files below a folder that have the token in them."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".venv" not in path.parts]
    return [path for path in files if token.encode() in path.read_bytes()]


def test_a_cluster_is_used_as_the_page_says(laptop: Laptop) -> None:
    (host,) = laptop.network.hosts
    run = RunFolder(laptop.runs / "first")
    laptop.ray("up", "-y", laptop.config)

    strangers = {"HOME": str(laptop.runs), "RAY_AUTH_MODE": "disabled"}
    status = [RAY, "status", "--address", f"{host.address}:6379"]
    refused = subprocess.run(status, env={**os.environ, **strangers}, capture_output=True)
    assert refused.returncode != 0, "a driver without the token"
    assert [where for where in host.listeners() if where.endswith(":8265")] == ["127.0.0.1:8265"]

    options = ["--name", "first", "--samples", "6", "--max-epochs", "18", "--scheduler", "fifo"]
    with laptop.lost_after("submit", laptop.config, JOB, *options):
        wait_until(lambda: len(facts(run, Reported)) >= 10, 120)
    wait_until(lambda: is_free(run))
    assert not state_of(run).is_finished
    laptop.ray("exec", laptop.config, "tune-jobs resume first")

    state = state_of(run)
    assert state.is_finished
    assert {(t.status, t.epoch) for t in state.trials.values()} == {(Status.COMPLETED, 18)}
    assert len({(fact.trial_id, fact.epoch) for fact in facts(run, Reported)}) == 6 * 18
    assert {fact.node for fact in facts(run, Reported)} == {host.name}
    for name in ("summary.json", "trials.csv"):
        assert (run.path / name).is_file()

    submitted = RunFolder(laptop.runs / "submitted")
    folder = project(laptop.network.folder / "project")
    submit = f"ray job submit --working-dir {folder} -- tune-jobs run my_job.py --name submitted"
    laptop.ray("exec", laptop.config, submit)
    assert state_of(submitted).is_finished
    assert {trial.metrics["loss"] for trial in state_of(submitted).trials.values()} == {7.0}

    laptop.ray("down", "-y", laptop.config)
    assert host.listeners() == {host.sshd}
    assert not holders(laptop.token, run.path)
    assert holders(laptop.token, host.home) == [host.home / ".ray" / "auth_token"]
