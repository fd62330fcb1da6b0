"""How well real workers are used: 4, 16 and 64 slots on pretended nodes of one machine.

    python benchmarks/scaling_on_ray.py [--slots 4 16 64] [--seconds 60]

An epoch sleeps for a second, so that a slot needs hardly any of the processor, and whatever a slot
does not sleep is overhead. The same function, with random search and ASHA, is tuned by tune-jobs,
by Ray Tune with its best setting for short trials (`reuse_actors=True`), and by Ray Tune as it
comes, which starts a process for each trial. Each is a process of its own, with a cluster of its
own: nodes of up to 16 slots that are processes here.

Utilisation is the share of all slots' time in which they slept, from the moment when every slot has
reported once, until no new trials come. Slots that are in use at all are worth more than slots
that are not: the seconds until then are printed too, and on two cores they are the start of so many
Python processes. MB are of all processes together, without what they share.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import ray
from ray import tune
from ray.cluster_utils import Cluster

LOG = "SCALING_LOG"
PER_NODE = 16
MAX_EPOCHS = 27
GRACE = 3
WAYS = ("tune-jobs", "Ray Tune, actors reused", "Ray Tune, defaults")


class Slept(NamedTuple):
    """An epoch, with the process that slept."""

    process: int
    begun: float
    ended: float


def train(config: dict[str, Any]) -> None:
    for epoch in range(1, MAX_EPOCHS + 1):
        begun = time.time()
        time.sleep(1)
        with open(os.environ[LOG], "a") as log:
            log.write(json.dumps([os.getpid(), begun, time.time()]) + "\n")
        tune.report({"loss": config["x"] + 1 / epoch, "epoch": epoch})


def ours(folder: Path, trials: int) -> None:
    from rich.console import Console

    from tune_jobs import Float, run
    from tune_jobs.views.progress import LineProgress

    run(
        train,
        space={"x": Float(0, 1)},
        metric="loss",
        mode="min",
        searcher="random",
        scheduler="asha",
        scheduler_options={"grace_period": GRACE},
        num_samples=trials,
        max_epochs=MAX_EPOCHS,
        name="scaling",
        storage=str(folder),
        progress=LineProgress(Console(quiet=True)),
    )


def theirs(folder: Path, trials: int, reuse_actors: bool) -> None:
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    asha = tune.schedulers.ASHAScheduler(
        time_attr="epoch", max_t=MAX_EPOCHS, grace_period=GRACE, reduction_factor=3
    )
    tune.Tuner(
        train,
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            scheduler=asha,
            num_samples=trials,
            reuse_actors=reuse_actors,
        ),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    ).fit()


def tuned(way: str, slots: int, trials: int, folder: Path) -> None:
    """Until killed, or until all trials are done."""
    logging.disable(logging.WARNING)
    cluster = Cluster()
    for first in range(0, slots, PER_NODE):
        cpus = min(PER_NODE, slots - first)
        cluster.add_node(
            num_cpus=cpus, include_dashboard=False, object_store_memory=100 * 2**20, num_gpus=0
        )
    ray.init(cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        if way == "tune-jobs":
            ours(folder, trials)
        else:
            theirs(folder, trials, reuse_actors=way != "Ray Tune, defaults")
    finally:
        ray.shutdown()
        cluster.shutdown()


def epochs(log: Path) -> list[Slept]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [Slept(*json.loads(line)) for line in lines]


def at_full_use(slept: list[Slept], slots: int) -> float | None:
    """When every slot had slept once: so many processes, or so many at the same time."""
    ends: list[float] = []
    for epoch in sorted(slept, key=lambda epoch: epoch.begun):
        ends = [end for end in ends if end > epoch.begun] + [epoch.ended]
        if len(ends) >= slots:
            return epoch.ended
    return None


def utilisation(slept: list[Slept], slots: int, begun: float, ended: float) -> float:
    inside = (min(e.ended, ended) - max(e.begun, begun) for e in slept)
    return sum(max(0.0, seconds) for seconds in inside) / (slots * (ended - begun))


def family(process: psutil.Process) -> Iterator[psutil.Process]:
    yield process
    if process.is_running():
        yield from process.children(recursive=True)


def memory(process: psutil.Process) -> float:
    """MB of a process and all under it."""
    total = 0
    for one in family(process):
        try:
            total += one.memory_full_info().uss
        except psutil.Error:
            continue
    return total / 1e6


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def measure(way: str, slots: int, seconds: float, patience: float) -> str:
    """A line of the table."""
    with tempfile.TemporaryDirectory(prefix="tj") as temporary:
        log = Path(temporary) / "epochs"
        command = [sys.executable, __file__, "--tune", way, str(slots), temporary]
        begun = time.time()
        tuning = psutil.Popen(
            command,
            env={**os.environ, LOG: str(log)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while (full := at_full_use(epochs(log), slots)) is None:
                if tuning.poll() is not None or time.time() - begun > patience:
                    most = len({epoch.process for epoch in epochs(log)})
                    return f"{way:26}{slots:6}   after {patience:.0f} s {most} processes had slept"
                time.sleep(1)
            worked = processor_seconds(tuning)
            time.sleep(max(0.0, full + seconds - time.time()))
            now = time.time()
            driver = (processor_seconds(tuning) - worked) / (now - full)
            slept = epochs(log)
            used = utilisation(slept, slots, full, now - 1)
            rate = sum(full < epoch.ended <= now for epoch in slept) / (now - full)
            return (
                f"{way:26}{slots:6}{full - begun:9.0f} s{100 * used:11.1f} %{rate:9.1f}"
                f"{100 * driver:9.0f} %{memory(tuning):9.0f}"
            )
        finally:
            end(tuning)


def end(process: psutil.Process) -> None:
    """It and everything under it."""
    for one in reversed(list(family(process))):
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--seconds", type=float, default=60.0, help="of a measurement")
    parser.add_argument("--patience", type=float, default=240.0, help="seconds for the start")
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--tune", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.tune:
        way, slots, folder = given.tune
        tuned(way, int(slots), 200 * int(slots), Path(folder))
        return
    print(f"{'':26} slots  full after   utilisation  epochs/s  driver's CPU    MB")
    for slots in given.slots:
        for way in given.ways:
            print(measure(way, slots, given.seconds, given.patience), flush=True)


if __name__ == "__main__":
    main()
