"""`ray up`, `ray submit`, `ray exec ... resume` and `ray down`, as docs/cluster.md says, over ssh."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from drivers import state_of
from hosts import PATH, Network, network, why_none

from tune_jobs.experiment.facts import Reported
from tune_jobs.experiment.state import Status
from tune_jobs.runs.folder import RunFolder

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


def test_a_cluster_is_used_as_the_page_says(laptop: Laptop) -> None:
    run = RunFolder(laptop.runs / "first")
    print(laptop.ray("up", "-y", "--no-config-cache", laptop.config))
    small = ["--samples", 6, "--max-epochs", 3]
    print(laptop.ray("submit", laptop.config, JOB, "--name", "first", *small))
    print(laptop.network.hosts[0].listeners())
    print(laptop.ray("exec", laptop.config, "tune-jobs resume first --samples +2"))
    state = state_of(run)
    assert state.is_finished
    assert len(state.trials) == 8
    print(laptop.ray("down", "-y", laptop.config))
