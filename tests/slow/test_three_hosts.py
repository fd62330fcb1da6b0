"""Three hosts and a bucket: one host is cut off and comes back, then the head is lost for good."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from drivers import PATIENT, Driver, facts, state_of, table, wait_for
from hosts import PATH, Host, Network, network, why_none
from s3_server import CREDENTIALS, S3Server, s3_server

from tune_jobs.experiment.facts import Moved, Reported
from tune_jobs.experiment.trial import Status
from tune_jobs.runs.folder import RunFolder, find_storage

TRIALS, EPOCHS = 9, 60
JOB = """
import time
from pathlib import Path

from tiny_model import Tiny
from tune_jobs import Float, TuneJob


class Slow(Tiny):
    def train_epoch(self):
        if not Path({hurry!r}).exists():
            time.sleep(0.5)
        return super().train_epoch()


job = TuneJob(
    name="slow",
    model=Slow,
    space={{"x": Float(0, 1)}},
    metric="loss",
    mode="min",
    searcher="random",
    scheduler="fifo",
    num_samples={trials},
    max_epochs={epochs},
)
"""
# A host that does not answer counts as lost after a few seconds, not after half a minute.
SOON = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
}

pytestmark = [
    pytest.mark.skipif(bool(why_none()), reason=why_none()),
    pytest.mark.timeout(480),
]


@dataclass
class Cluster:
    """Hosts with a Ray cluster, a CPU each, and nothing in common but a bucket and the code."""

    network: Network
    server: S3Server
    bucket: str
    storage: str

    def ssh(self, host: Host, command: str) -> str:
        done = subprocess.run(
            self.network.ssh(host, command), capture_output=True, text=True, timeout=PATIENT
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tune_jobs(self, host: Host, command: str) -> str:
        return self.ssh(host, f"TUNE_JOBS_STORAGE='{self.storage}' tune-jobs {command}")

    def start_ray(self, *hosts: Host, head: Host) -> None:
        for host in hosts:
            role = f"--address {head.address}:6379"
            if host is head:
                role = "--head --port 6379 --include-dashboard false"
            self.ssh(
                host,
                f"ray stop --force && ray start {role} --node-ip-address {host.address} "
                "--num-cpus 1 --object-store-memory 100000000",
            )

    @contextmanager
    def driving(self, host: Host, command: str) -> Iterator[Driver]:
        """A command of tune-jobs is at work there."""
        line = f"TUNE_JOBS_STORAGE='{self.storage}' tune-jobs {command}"
        driver = subprocess.Popen(
            self.network.ssh(host, line),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield driver
        finally:
            driver.kill()
            driver.communicate()

    def run_of(self, host: Host, name: str) -> RunFolder:
        """A run as the disk of a host has it."""
        with patch.dict(os.environ, XDG_CACHE_HOME=str(host.home / ".cache")):
            return find_storage(self.storage).run(name)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(Path(sys.executable).parent), PATH])
    code = os.pathsep.join([str(tests), str(tests.parent)])
    with (
        network(3, PATH=path, PYTHONPATH=code, **CREDENTIALS, **SOON) as made,
        s3_server(made.gateway) as server,
    ):
        address = server.url.removeprefix("http://")
        bucket = server.new_bucket()
        url = f"{bucket}/results?endpoint_override={address}&scheme=http"
        yield Cluster(made, server, bucket, url)


def test_a_host_is_cut_off_and_the_head_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    first, second, third = cluster.network.hosts
    hurry, file = tmp_path / "hurry", tmp_path / "slow.py"
    file.write_text(JOB.format(hurry=str(hurry), trials=TRIALS, epochs=EPOCHS))
    run = cluster.run_of(first, "run")

    def reports_of(host: Host) -> int:
        return sum(fact.node == host.name for fact in facts(run, Reported))

    cluster.start_ray(first, second, third, head=first)
    with cluster.driving(first, f"run {file} --name run") as driver:
        everywhere = cluster.network.hosts
        wait_for(lambda: all(map(reports_of, everywhere)), driver, PATIENT)
        with third.cut_off():
            wait_for(lambda: len(facts(run, Moved)) == 1, driver, PATIENT)
        before = reports_of(third)
        cluster.start_ray(third, head=first)
        wait_for(lambda: reports_of(third) > before, driver, PATIENT)
        first.end()  # with the driver and all that was on its disk
    recorded = [(fact.trial_id, fact.epoch) for fact in facts(run, Reported)]
    assert not state_of(run).is_finished

    hurry.touch()
    cluster.start_ray(second, third, head=second)
    cluster.server.age(cluster.bucket, "results/run/lease/", 31)
    cluster.tune_jobs(second, "resume run")
    run = cluster.run_of(second, "run")
    state = state_of(run)
    assert state.is_finished
    assert {(t.status, t.epoch) for t in state.trials.values()} == {(Status.COMPLETED, EPOCHS)}
    again = [(fact.trial_id, fact.epoch) for fact in facts(run, Reported)]
    assert len(again) == len(set(again)) == TRIALS * EPOCHS
    assert set(recorded) - set(again) == set(), "what was recorded is kept"
    assert {fact.node for fact in facts(run, Reported)} == {host.name for host in everywhere}
    assert "moved 1 time" in cluster.tune_jobs(third, "status run")

    cluster.tune_jobs(second, f"run {file} --name whole")
    whole = table(cluster.run_of(second, "whole"))
    assert [{**row, "moves": "0"} for row in table(run)] == whole
