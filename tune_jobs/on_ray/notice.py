"""Notice that a worker must leave soon: its process got SIGTERM, or its node is drained."""

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
        self._node = ray.get_runtime_context().get_node_id()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._note)

    @property
    def reason(self) -> str:
        """Why the worker must leave; empty if it may stay."""
        if self._terminated:
            return "its worker was asked to end (SIGTERM)"
        return "its node is being drained" if self._node in draining_nodes() else ""

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True
