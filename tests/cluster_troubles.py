"""Runs on a cluster of their own that has troubles while they train.

    python cluster_troubles.py nodes|memory|internals|gpus|ranks|autoscaler FOLDER

Of three nodes on this machine one goes, at once or after a notice; or a trial takes so much
memory that Ray's monitor kills its worker. `internals` has no run, and asserts what we know of
nodes without a promise. A script, since the test session has a cluster.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
from drivers import table
from finished import run_job
from meeting import meeting_job
from ray._raylet import GcsClient
from ray.autoscaler._private.monitor import BASE_READONLY_CONFIG
from ray.cluster_utils import Cluster
from ray.exceptions import RayActorError
from runs import tiny_job

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Fact, Failed, Moved, Reported, Suggested, Warned
from tune_jobs.experiment.state import RunState
from tune_jobs.job.files import load_job
from tune_jobs.on_ray.ends import end_of
from tune_jobs.on_ray.internals import draining_nodes, start_cluster, this_machine
from tune_jobs.on_ray.resources import TrialResources, nodes_now
from tune_jobs.runs.folder import RunFolder
from tune_jobs.search_algos.domains import Choice, Float
from tune_jobs.views.view import Callback

AUTOSCALER = {
    **BASE_READONLY_CONFIG,
    "max_workers": 4,
    "idle_timeout_minutes": 0.3,
    "head_node_type": "ray.head.default",
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "worker": {"resources": {"CPU": 8, "GPU": 2}, "node_config": {}, "max_workers": 4},
    },
}
PREEMPTION = 2  # of Ray's reasons to drain a node
QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 200,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 3,
}


def lose_memory(folder: Path) -> None:
    """A worker may grow to where the machine uses three gigabytes more than now."""
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(memory[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    limit = {
        "memory_usage_threshold": (total - free + 3 * 2**20) / total,
        "memory_monitor_refresh_ms": 50,
    }
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        _system_config=limit,
    )
    space = {"x": Float(0, 1), "trouble": Choice(["", "greed"])}
    job = tiny_job(scheduler="fifo", space=space, num_samples=4, max_failures=0, seed=1)
    run_job(folder / "run", job)
    ray.shutdown()


def three_nodes() -> tuple[Cluster, list[Any]]:
    """A head without CPUs, and two with one each."""
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK_TO_NOTICE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    return cluster, nodes


def drain(cluster: Cluster, node: Any) -> None:
    soon = int((time.time() + 60) * 1000)
    GcsClient(address=cluster.address).drain_node(node.node_id, PREEMPTION, "notice", soon)


def see_nodes(folder: Path) -> None:
    """What this machine has, and where its workers import from; then one node is drained, and later
    two die under an actor."""
    start_cluster(folder, {}, import_path=("/first", "/second"))
    mine, found = this_machine(), {"GPU": 0.0, **ray.cluster_resources()}
    assert 0 < found["memory"] < mine.pop("memory")
    assert found.items() >= mine.items()
    import_path = ray.remote(lambda: sys.path)
    assert ray.get(import_path.remote())[:2] == ["/first", "/second"], "not what Ray adds"
    ray.shutdown()

    @ray.remote(num_cpus=1, max_restarts=0)
    class Sleeper:
        def sleep(self, seconds: float) -> None:
            time.sleep(seconds)

    cluster, nodes = three_nodes()
    sleepers = [Sleeper.remote() for _ in nodes]
    ray.get([sleeper.sleep.remote(0) for sleeper in sleepers])
    drain(cluster, nodes[0])
    deadline = time.monotonic() + 60
    while draining_nodes() != {nodes[0].node_id}:
        assert time.monotonic() < deadline, draining_nodes()
        time.sleep(0.05)
    naps = [sleeper.sleep.remote(1000) for sleeper in sleepers]
    for node in nodes:
        cluster.remove_node(node, allow_graceful=False)
    for nap in naps:
        with pytest.raises(RayActorError) as died:
            ray.get(nap, timeout=60)
        assert end_of(died.value) == "node", died.value
    ray.shutdown()
    cluster.shutdown()


def lose_nodes(folder: Path) -> None:
    """Two runs, after each other: `drain` loses a node after a notice, `remove` without one."""
    cluster, nodes = three_nodes()
    for how in ("drain", "remove"):
        log = folder / f"{how}.log"
        space = {"x": Float(0, 1), "log": str(log), "seconds": 0.1}
        job = tiny_job(scheduler="fifo", space=space, num_samples=4, max_failures=0)
        taker = threading.Thread(target=take, args=(how, cluster, nodes, log))
        taker.start()
        run_job(folder / how, job)
        taker.join()
        nodes.append(cluster.add_node(num_cpus=1))
    ray.shutdown()
    cluster.shutdown()


def take(how: str, cluster: Cluster, nodes: list[Any], log: Path) -> None:
    """Takes away the node of the process that trained the seventh epoch."""
    deadline = time.monotonic() + 60
    while len(lines := log.read_text().splitlines() if log.exists() else []) < 7:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    status = Path(f"/proc/{lines[-1].split()[2]}/stat").read_text()
    raylet = int(status.rpartition(")")[2].split()[1])  # the parent of the worker
    node = next(n for n in nodes if n.all_processes["raylet"][0].process.pid == raylet)
    if how == "remove":
        cluster.remove_node(node, allow_graceful=False)
    else:
        drain(cluster, node)


def share_gpus(folder: Path) -> None:
    """Two pretended GPUs on each of four nodes, of which one comes when the others are at work."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    for _ in range(3):
        cluster.add_node(num_cpus=8, num_gpus=2)
    ray.init(address=cluster.address, log_to_driver=False)
    meeting = folder / "meeting"
    fields = {"num_samples": 4, "gpus_per_trial": 2, "callbacks": [NodeAfter(cluster, trials=3)]}
    job = meeting_job(meeting, 4, **fields)
    assert run_job(folder / "run", job).summary["trials"]["completed"] == 4
    gpus = {mark.stem.partition("-")[2] for mark in meeting.iterdir()}
    assert gpus == {"0,1"}, "both GPUs of a node"

    def resources(gpus: float) -> TrialResources:
        return TrialResources.of(tiny_job(gpus_per_trial=gpus))

    assert [resources(gpus).fit_on(nodes_now()) for gpus in (0.5, 1, 2)] == [16, 8, 4]
    with pytest.raises(UserError) as refused:
        resources(9)
    assert "9 GPUs" in str(refused.value)
    assert str(refused.value).count("8 CPUs, 2 GPUs") == 4
    ray.shutdown()
    cluster.shutdown()


class NodeAfter(Callback):
    """Adds a node when so many trials have started."""

    def __init__(self, cluster: Cluster, trials: int) -> None:
        self.cluster = cluster
        self.trials = trials

    def on_fact(self, fact: Fact, state: RunState) -> None:
        if isinstance(fact, Suggested) and len(state.trials) == self.trials:
            self.cluster.add_node(num_cpus=8, num_gpus=2)


class RankLost(Callback):
    """At the second report, takes away the node of a trial's process that is not on the trial's own
    node, and brings another one."""

    def __init__(self, cluster: Cluster, run: RunFolder, own: str) -> None:
        self.cluster = cluster
        self.run = run
        self.own = own

    def on_fact(self, fact: Fact, state: RunState) -> None:
        if not isinstance(fact, Reported) or state.epochs_total != 2:
            return
        log = self.run.logs.read(f"{fact.trial_id:05}.txt").decode()
        [lost] = {*log.rpartition("nodes: ")[2].splitlines()[0].split()} - {self.own}
        node = next(n for n in self.cluster.worker_nodes if n.node_id == lost)
        self.cluster.remove_node(node, allow_graceful=False)
        self.cluster.add_node(num_cpus=1)


def spread(folder: Path) -> None:
    """Each trial needs a desk, which one node has, and two processes that do not fit on a node."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    desk = cluster.add_node(num_cpus=1, resources={"desk": 1})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    os.environ["RAY_ADDRESS"] = cluster.address  # the code of the example travels when a run joins
    file = Path(__file__).parents[1] / "examples" / "two_processes" / "on_nodes.py"
    size = {"num_samples": 2, "max_epochs": 4, "max_failures": 0}
    job = replace(load_job(str(file))[0], resources_per_trial={"desk": 1}, **size)

    for change, why in (
        ({"bundles_per_trial": [{"CPU": 1}] * 4}, "(1 CPU, 0 GPUs), and there is no room for them"),
        ({"accelerator_type": "A100", "gpus_per_trial": 1}, "0.001 accelerator_type:A100"),
        ({"resources_per_trial": {"desk": 2}}, "0 GPUs, 2 desk)"),
    ):
        with pytest.raises(UserError) as refused:
            run_job(folder / "refused", replace(job, **change))
        assert why in str(refused.value)

    run_job(folder / "whole", job)
    lost = RunFolder(folder / "lost")
    done = run_job(lost.path, replace(job, callbacks=[RankLost(cluster, lost, desk.node_id)]))
    rows = table(lost)
    assert [row["moves"] for row in rows] == ["1", "0"]
    assert [{**row, "moves": "0"} for row in rows] == table(RunFolder(folder / "whole"))
    assert [type(fact) for fact in done.facts if isinstance(fact, (Moved, Failed))] == [Moved]
    for nodes in re.findall("nodes: (.+)", lost.logs.read("00000.txt").decode()):
        assert len(set(nodes.split())) == 2
    cluster.shutdown()


def grow(folder: Path) -> None:
    """An autoscaler may add four nodes with two pretended GPUs each; it has none at the start."""
    os.environ["RAY_ADDRESS"] = autoscaling_head(folder)
    with pytest.raises(UserError) as refused:
        run_job(folder / "refused", tiny_job(gpus_per_trial=9))
    for told in ("9 GPUs", "the nodes have 0 CPUs, 0 GPUs", "can add worker (8 CPUs, 2 GPUs)"):
        assert told in str(refused.value)

    job = meeting_job(folder / "meeting", 16, num_samples=20, gpus_per_trial=0.5)
    done = run_job(folder / "run", job)
    assert done.summary["trials"]["completed"] == 20
    assert max(trial.metrics["here"] for trial in done.trials) <= 16
    waited = [fact.text for fact in done.facts if isinstance(fact, Warned)]
    assert waited == [
        "no node can hold a trial (1 CPU, 0.5 GPUs) yet; waiting for the autoscaler, which can "
        "add worker (8 CPUs, 2 GPUs)"
    ]

    ray.init(log_to_driver=False)
    deadline = time.monotonic() + 100
    while sum(node["Alive"] for node in ray.nodes()) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def autoscaling_head(folder: Path) -> str:
    """The address of a head whose autoscaler adds nodes on this machine, with Ray's provider for
    tests. Whoever started this script ends all its processes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    provider = {"type": "fake_multinode", "gcs_address": f"127.0.0.1:{port}"}
    provider |= dict.fromkeys(["use_node_id_as_ip", "disable_node_updaters"], True)
    config = folder / "autoscaler.json"
    config.write_text(json.dumps({**AUTOSCALER, "provider": provider}))
    start = ["start", "--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false"]
    settings = {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
    subprocess.run(
        [Path(sys.executable).with_name("ray"), *start, f"--autoscaling-config={config}"],
        env={**os.environ, **settings},
        check=True,
    )
    return f"127.0.0.1:{port}"


TROUBLES = {
    "nodes": lose_nodes,
    "memory": lose_memory,
    "internals": see_nodes,
    "gpus": share_gpus,
    "ranks": spread,
    "autoscaler": grow,
}

if __name__ == "__main__":
    os.environ["RAY_TMPDIR"] = sys.argv[2]
    TROUBLES[sys.argv[1]](Path(sys.argv[2]))
