"""What a trial takes, and what the nodes of a cluster have and can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from tune_jobs.errors import UserError, counted
from tune_jobs.experiment.cost import Resources
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.on_ray.internals import autoscaling_config, draining_nodes

Nodes = list[Mapping[str, float]]
"""The resources of each node, by Ray's names."""


@dataclass(frozen=True)
class NodeType:
    """Nodes that an autoscaler can add."""

    name: str
    resources: Mapping[str, float]  # by Ray's names; empty if only the first node will tell

    def __str__(self) -> str:
        return f"{self.name} ({told(self.resources) if self.resources else 'not known yet'})"


def node_types() -> list[NodeType] | None:
    """What the cluster's autoscaler can add; None if there is no autoscaler, or nothing to add."""
    config = autoscaling_config()
    if config is None:
        return None
    types: Mapping[str, Mapping[str, Any]] = config["available_node_types"]
    # As Ray fills it in: no second head, but any number of the others.
    most = {name: kind.get("max_workers", config["max_workers"]) for name, kind in types.items()}
    most[config["head_node_type"]] = types[config["head_node_type"]].get("max_workers", 0)
    is_full = len(_nodes()) > sum(most.values())
    found = [NodeType(name, types[name].get("resources", {})) for name in types if most[name]]
    return [kind for kind in found if kind.resources or not is_full] or None


@dataclass(frozen=True)
class TrialResources:
    """The resources of one trial."""

    cpus: float
    gpus: float

    @classmethod
    def of(
        cls, job: TuneJob, nodes: Nodes | None = None, types: Sequence[NodeType] | None = None
    ) -> TrialResources:
        """As in the job; by default a GPU if any node has one, or can have one.

        Args:
            nodes: what each has; by default those of the cluster.
            types: the nodes that can be added, if any can.

        Raises UserError if no node can ever hold a trial.
        """
        nodes, types = _nodes() if nodes is None else nodes, types or []
        any_node = [*nodes, *(kind.resources for kind in types)]
        gpus = job.gpus_per_trial
        if gpus is None:
            gpus = 1.0 if any(node.get("GPU", 0) for node in any_node) else 0.0
        resources = cls(job.cpus_per_trial, gpus)
        are_known = all(kind.resources for kind in types)
        if are_known and not any(map(resources.fit_on, any_node)):
            raise UserError(resources.refusal(nodes, types))
        return resources

    @property
    def bundle(self) -> dict[str, float]:
        """By Ray's names."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus}
        return {kind: count for kind, count in wanted.items() if count > 0}

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
        # A little more than nothing, because 0.9 / 0.3 is below 3 in floating point.
        return min(int(node.get(kind, 0) / n + 1e-9) for kind, n in self.bundle.items())

    def refusal(self, nodes: Nodes, types: Sequence[NodeType]) -> str:
        """Why no node can ever hold a trial, in words."""
        have = "; ".join(map(told, nodes))
        can_add = f", and the autoscaler can add {'; '.join(map(str, types))}" if types else ""
        return (
            f"a trial needs {told(self.bundle)}, and no node has that; the "
            f"nodes have {have}{can_add}: give fewer with --cpus-per-trial and --gpus-per-trial"
        )


def told(resources: Mapping[str, float]) -> str:
    return ", ".join(counted(resources.get(kind, 0), kind) for kind in ("CPU", "GPU"))


def _nodes() -> Nodes:
    leaving = draining_nodes()
    return [n["Resources"] for n in ray.nodes() if n["Alive"] and n["NodeID"] not in leaving]
