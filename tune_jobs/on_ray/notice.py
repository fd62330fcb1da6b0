"""Notice that a worker must leave soon: its process got SIGTERM, its node is drained, or an earlier
trial is still at work in it."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import ray

from tune_jobs.on_ray.internals import draining_nodes


class Notice:
    """Listens from its creation on. A trial checks it between two epochs."""

    def __init__(self) -> None:
        self._terminated = False
        self._given = ""
        self._node = ray.get_runtime_context().get_node_id()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._note)

    @property
    def reason(self) -> str:
        """Why the worker must leave; empty if it may stay."""
        if self._terminated:
            return "its worker was asked to end (SIGTERM)"
        if self._given:
            return self._given
        return "its node is being drained" if self._node in draining_nodes() else ""

    def leave(self, reason: str) -> None:
        """The worker must leave for another reason."""
        self._given = reason

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True
