"""The Ray cluster a run is on: connecting to it, and what it has to give to a trial."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import ray

from tune_jobs.errors import UserError
from tune_jobs.job import TuneJob


@contextmanager
def connected() -> Iterator[None]:
    """A connection to the Ray cluster that is there ($RAY_ADDRESS, or one on this machine), or
    to one started here and ended afterwards."""
    if ray.is_initialized():
        yield
        return
    # What trials print goes to Ray's logs: beside a live view it could not be read.
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class TrialResources:
    """What one trial takes."""

    cpus: float
    gpus: float

    @classmethod
    def of(cls, job: TuneJob) -> TrialResources:
        """As the job says; by default a GPU where any node has one.

        Raises UserError where no node can hold a single trial.
        """
        gpus = job.gpus_per_trial
        if gpus is None:
            gpus = 1.0 if any(node.get("GPU", 0) for node in _nodes()) else 0.0
        resources = cls(job.cpus_per_trial, gpus)
        if resources.slots() == 0:
            have = "; ".join(
                f"{n.get('CPU', 0):g} CPUs, {n.get('GPU', 0):g} GPUs" for n in _nodes()
            )
            raise UserError(
                f"a trial needs {resources.cpus:g} CPUs and {resources.gpus:g} GPUs, and no node "
                f"has them; the nodes have {have}: give fewer with --cpus-per-trial and "
                "--gpus-per-trial"
            )
        return resources

    def slots(self) -> int:
        """How many trials the cluster holds now; a trial never spans two nodes."""
        return sum(self._fit(node) for node in _nodes())

    def _fit(self, node: Mapping[str, float]) -> int:
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        # A little more than nothing, since 0.9 / 0.3 is below 3 in floating point.
        return min(int(node.get(kind, 0) / n + 1e-9) for kind, n in wanted.items() if n > 0)


def _nodes() -> list[Mapping[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
