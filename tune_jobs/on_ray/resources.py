"""What a trial takes, and what the nodes of a cluster have and can have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from tune_jobs.errors import UserError, counted
from tune_jobs.experiment.cost import Resources
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.on_ray.internals import autoscaling_config, draining_nodes

COMMON = ("CPU", "GPU")

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
    is_full = len(nodes_now()) > sum(most.values())
    found = [NodeType(name, types[name].get("resources", {})) for name in types if most[name]]
    return [kind for kind in found if kind.resources or not is_full] or None


@dataclass(frozen=True)
class TrialResources:
    """The resources of one trial, by Ray's names: a bundle for its own process, and one for each
    process that it may start on any node."""

    bundles: tuple[Mapping[str, float], ...]

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
        nodes, types = nodes_now() if nodes is None else nodes, types or []
        any_node = [*nodes, *(kind.resources for kind in types)]
        gpus = job.gpus_per_trial
        if gpus is None:
            is_wanted = job.accelerator_type or any(node.get("GPU", 0) for node in any_node)
            gpus = 1.0 if is_wanted and not job.bundles_per_trial else 0.0
        own = {"CPU": job.cpus_per_trial, "GPU": gpus, **job.resources_per_trial}
        bundles = [{kind: count for kind, count in own.items() if count}, *job.bundles_per_trial]
        if job.accelerator_type:
            of_type = {f"accelerator_type:{job.accelerator_type}": 0.001}  # as Ray does it
            bundles = [{**bundle, **of_type} if "GPU" in bundle else bundle for bundle in bundles]
        resources = cls(tuple(bundles))
        is_known = all(kind.resources for kind in types)
        if is_known and not resources.fit_on([*nodes, *any_node[len(nodes) :] * len(bundles)]):
            asking = ("accelerator_type", "resources_per_trial", "bundles_per_trial")
            asked = [field for field in asking if getattr(job, field)]
            raise UserError(resources.refusal(nodes, types, asked))
        return resources

    @property
    def found(self) -> Resources:
        """Those of the whole cluster now, beside these."""
        nodes = nodes_now()
        cpus, gpus = (sum(node.get(kind, 0) for node in nodes) for kind in COMMON)
        mine = [sum(bundle.get(kind, 0) for bundle in self.bundles) for kind in COMMON]
        return Resources(cpus=cpus, gpus=gpus, trial_cpus=mine[0], trial_gpus=mine[1])

    def fit_on(self, nodes: Nodes) -> int:
        """How many trials nodes hold together, if Ray places one after another."""
        if len(self.bundles) == 1:  # it is the same wherever each of them is
            return sum(_times(self.bundles[0], node) for node in nodes)
        free, bundles = [dict(node) for node in nodes], _in_rays_order(self.bundles)
        trials = 0
        while _are_placed(bundles, free):
            trials += 1
        return trials

    def refusal(self, nodes: Nodes, types: Sequence[NodeType], fields: Sequence[str]) -> str:
        """Why no node can ever hold a trial, in words; ``fields`` of the job ask for more than CPUs
        and GPUs."""
        lack = "there is no room for them" if self.bundles[1:] else "no node has that"
        wanted = [kind for bundle in self.bundles for kind in bundle]
        have = "; ".join(told(node, wanted) for node in nodes)
        can_add = f", and the autoscaler can add {'; '.join(map(str, types))}" if types else ""
        others = f", or change {' and '.join(fields)} in the job" if fields else ""
        return (
            f"a trial needs {self}, and {lack}; the nodes have {have}{can_add}: give fewer with "
            f"--cpus-per-trial and --gpus-per-trial{others}"
        )

    def __str__(self) -> str:
        if len(self.bundles) == 1:
            return told(self.bundles[0], self.bundles[0])
        return f"bundles of {', '.join(f'({told(bundle, bundle)})' for bundle in self.bundles)}"


def _times(bundle: Mapping[str, float], node: Mapping[str, float]) -> int:
    """How many of them a node holds."""
    # A little more than nothing, because 0.9 / 0.3 is below 3 in floating point.
    return min(int(node.get(kind, 0) / count + 1e-9) for kind, count in bundle.items())


def _in_rays_order(bundles: Iterable[Mapping[str, float]]) -> list[Mapping[str, float]]:
    """GPUs count most, then what only some nodes have, memory, CPUs; and the largest is first."""
    ranks = {"GPU": 0, "memory": 2, "CPU": 3}
    kinds = {kind for bundle in bundles for kind in bundle}
    order = sorted(kinds, key=lambda kind: (ranks.get(kind, 1), kind))
    return sorted(bundles, key=lambda bundle: [-bundle.get(kind, 0) for kind in order])


def _are_placed(bundles: list[Mapping[str, float]], free: list[dict[str, float]]) -> bool:
    """Takes the bundles of a trial from nodes as Ray does, with PACK; False if it finds no room.

    The first bundle goes to the node of which it leaves most, and with it all others that this
    node holds; the same for the rest, without this node.
    """
    waiting, nodes = bundles, free
    while waiting and (able := [node for node in nodes if _times(waiting[0], node)]):
        best = max(able, key=lambda node: _left(waiting[0], node))
        nodes = [node for node in nodes if node is not best]
        waiting = [bundle for bundle in waiting if not _is_taken(bundle, best)]
    return not waiting


def _left(bundle: Mapping[str, float], node: Mapping[str, float]) -> float:
    return sum(1 - count / node[kind] for kind, count in bundle.items())


def _is_taken(bundle: Mapping[str, float], node: dict[str, float]) -> bool:
    if not _times(bundle, node):
        return False
    for kind, count in bundle.items():
        node[kind] -= count
    return True


def told(resources: Mapping[str, float], wanted: Iterable[str] = ()) -> str:
    """How many CPUs, GPUs, and others that are wanted."""
    common = [counted(resources.get(kind, 0), kind) for kind in COMMON]
    others = [kind for kind in dict.fromkeys(wanted) if kind not in COMMON]
    return ", ".join(common + [f"{resources.get(kind, 0):g} {kind}" for kind in others])


def nodes_now() -> Nodes:
    leaving = draining_nodes()
    return [n["Resources"] for n in ray.nodes() if n["Alive"] and n["NodeID"] not in leaving]
