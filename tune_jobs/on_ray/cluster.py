"""The Ray cluster of a run: the connection, and the resources for a trial."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import ray

from tune_jobs.errors import UserError, user_traceback
from tune_jobs.experiment.cost import Resources
from tune_jobs.job.building import Builder
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.data import MissingDataError
from tune_jobs.on_ray.internals import (
    address_file,
    draining_nodes,
    join_cluster,
    start_cluster,
    this_machine,
)
from tune_jobs.on_ray.scratch import MARK

Nodes = list[Mapping[str, float]]
"""The resources of each node, by Ray's names."""
Doing = Callable[[str], object]
"""Gets what takes a while, when it begins."""


@contextmanager
def connected(folder: Path, job: TuneJob, doing: Doing) -> Iterator[bool]:
    """A connection to an existing Ray cluster ($RAY_ADDRESS, or one that `ray start` or `ray up`
    made on this machine), or else to one that is started here, in the folder, and ended at the
    end; gives whether it was started here. ``doing`` is told what takes a while.

    Raises UserError if the cluster of $RAY_ADDRESS does not answer, or refuses the driver; if no
    node can hold a trial of the job, before a cluster is started for it; and if Ray does not start.
    """
    if ray.is_initialized():
        yield False
        return
    try:
        if is_there := _is_there():
            doing("joining the Ray cluster")
            _join()
        else:
            doing("preparing data")
            _check_this_machine(job)
            doing("starting Ray")
            _start(folder)
        yield not is_there
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class TrialResources:
    """The resources of one trial."""

    cpus: float
    gpus: float

    @classmethod
    def of(cls, job: TuneJob, nodes: Nodes | None = None) -> TrialResources:
        """As in the job; by default a GPU if any node has one.

        Args:
            nodes: what each has; by default those of the cluster.

        Raises UserError if no node can hold a trial.
        """
        nodes = _nodes() if nodes is None else nodes
        gpus = job.gpus_per_trial
        if gpus is None:
            gpus = 1.0 if any(node.get("GPU", 0) for node in nodes) else 0.0
        resources = cls(job.cpus_per_trial, gpus)
        if not any(map(resources.fit_on, nodes)):
            have = "; ".join(f"{n.get('CPU', 0):g} CPUs, {n.get('GPU', 0):g} GPUs" for n in nodes)
            raise UserError(
                f"a trial needs {resources.cpus:g} CPUs and {resources.gpus:g} GPUs, and no node "
                f"has them; the nodes have {have}: give fewer with --cpus-per-trial and "
                "--gpus-per-trial"
            )
        return resources

    @property
    def found(self) -> Resources:
        """Those of the whole cluster now, beside these."""
        nodes = _nodes()
        cpus, gpus = (sum(node.get(kind, 0) for node in nodes) for kind in ("CPU", "GPU"))
        return Resources(cpus=cpus, gpus=gpus, trial_cpus=self.cpus, trial_gpus=self.gpus)

    def slots(self) -> int:
        """How many trials the cluster holds now; a trial never spans two nodes."""
        return sum(self.fit_on(node) for node in _nodes())

    def fit_on(self, node: Mapping[str, float]) -> int:
        """How many trials a node holds."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        # A little more than nothing, because 0.9 / 0.3 is below 3 in floating point.
        return min(int(node.get(kind, 0) / n + 1e-9) for kind, n in wanted.items() if n > 0)


def _nodes() -> Nodes:
    leaving = draining_nodes()
    return [n["Resources"] for n in ray.nodes() if n["Alive"] and n["NodeID"] not in leaving]


def _check_this_machine(job: TuneJob) -> None:
    """Raises UserError if it cannot hold a trial of the job, or lacks the data."""
    TrialResources.of(job, [this_machine()])
    builder = Builder.of(job)
    try:
        config = builder.config(job.domains.sample(np.random.default_rng(job.seed)))
    except Exception:  # of the Config, as some of these values do not fit together
        return
    try:
        builder.model.prepare_data(config)
    except MissingDataError as error:
        raise UserError(str(error)) from None
    except Exception as error:
        raise UserError(f"the data cannot be prepared: {user_traceback(error)}") from error


def _is_there() -> bool:
    """Whether there is a cluster to join.

    Ray waits for minutes for a cluster that is gone, so a cluster that crashed and left its
    address behind is ignored.
    """
    given = os.environ.get("RAY_ADDRESS")
    if given and given != "local":
        if given != "auto" and "://" not in given and not _answers(given):
            raise UserError(
                f"$RAY_ADDRESS is {given!r}, but nothing answers there; start that cluster, or "
                "unset it to run on this machine"
            )
        return True
    with suppress(OSError):
        return not given and _answers(address_file().read_text().strip())
    return False


def _start(folder: Path) -> None:
    try:
        start_cluster(folder, {MARK: str(folder)})
    except Exception as error:  # on a machine that is too busy, Ray gives up after 30 seconds
        raise UserError(
            f"Ray cannot be started on this machine: {error} (if it is busy, try again later)"
        ) from error


def _join() -> None:
    try:
        join_cluster()
    except ConnectionError as error:
        raise UserError(
            f"the Ray cluster does not let this driver in: {error}; where it wants a token, set "
            "RAY_AUTH_MODE=token"
        ) from error


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True
