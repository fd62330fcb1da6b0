"""The room that a cluster has for trials, and how it gets more: nodes from Ray's autoscaler."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)

from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status
from tune_jobs.on_ray.resources import Nodes, NodeType, TrialResources, nodes_now

AT_ONCE = 100  # trials for which room is asked for, beyond the room there is
CHECK_SECONDS = 1.0
PAUSE_SECONDS = 10.0


def left_in(state: RunState) -> int:
    """How many trials of a run may train at once from now on; at least one, for the final test."""
    unended = state.extent.trials - state.ended
    return max(1, state.counts[Status.RUNNING] if state.draining else unended)


class Room:
    """The room for trials of a run.

    Args:
        limit: how many run at a time, or None.
        types: the nodes that the autoscaler can add; None if there is no autoscaler.
    """

    def __init__(
        self, resources: TrialResources, limit: int | None, types: Sequence[NodeType] | None
    ) -> None:
        self.resources = resources
        self._limit = limit
        self._types = types
        self._request = Request(resources.bundles)
        self._next_check = 0.0
        self._is_waiting = False
        self._nodes: Nodes = []
        self._holds = 0

    def slots(self) -> int:
        """How many trials may run now; asked every time, because clusters grow and shrink."""
        nodes = nodes_now()
        if nodes != self._nodes:  # there may be a thousand
            self._nodes, self._holds = nodes, self.resources.fit_on(nodes)
        return self._limited(self._holds)

    def ask_for(self, trials: int) -> str:
        """Asks the autoscaler for room for so many trials, as far as there is none. Returns what
        the run waits for, if it has to wait from now on."""
        if time.monotonic() < self._next_check:
            return ""
        self._next_check = time.monotonic() + CHECK_SECONDS
        slots = self.slots()
        if self._types is not None:
            self._request.update(self._limited(trials) - slots)
        was_waiting, self._is_waiting = self._is_waiting, trials > 0 and slots == 0
        return self._waited_for() if self._is_waiting and not was_waiting else ""

    def withdraw(self) -> None:
        """Asks for nothing any more."""
        self._request.withdraw()

    def _limited(self, trials: int) -> int:
        return trials if self._limit is None else min(trials, self._limit)

    def _waited_for(self) -> str:
        none = f"no node can hold a trial ({self.resources})"
        if self._types is None:
            return f"{none}; waiting for one that can"
        can_add = "; ".join(map(str, self._types))
        return f"{none} yet; waiting for the autoscaler, which can add {can_add}"


class Request:
    """What the autoscaler is asked for: the bundles of a trial, several times.

    The autoscaler counts placement groups that wait for their place. Each run has its own, and
    Ray removes those of a driver that died. When one of them gets a place, all are removed at
    once: the place is for trials, of this run or another. What is still lacking some seconds
    later is asked for again.
    """

    def __init__(self, bundles: Iterable[Mapping[str, float]]) -> None:
        self._bundles = [dict(bundle) for bundle in bundles]
        self._groups: list[PlacementGroup] = []
        self._pause_until = 0.0

    def update(self, lacking: int) -> None:
        if self._got_a_place():
            self.withdraw()
            self._pause_until = time.monotonic() + PAUSE_SECONDS
        if time.monotonic() < self._pause_until:
            return
        count = max(0, min(lacking, AT_ONCE))
        while len(self._groups) < count:
            self._groups.append(placement_group(self._bundles))
        self._remove_down_to(count)

    def withdraw(self) -> None:
        self._remove_down_to(0)

    def _got_a_place(self) -> bool:
        if not self._groups:
            return False
        table = placement_group_table()
        return any(table[group.id.hex()]["state"] == "CREATED" for group in self._groups)

    def _remove_down_to(self, count: int) -> None:
        while len(self._groups) > count:
            remove_placement_group(self._groups.pop())
