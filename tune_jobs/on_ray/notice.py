"""Word that a worker has to go soon: its process was sent SIGTERM, or its node is drained."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Notice:
    """Listens from when it is made. A trial looks at it between two epochs."""

    def __init__(self) -> None:
        self._terminated = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._note)

    @property
    def reason(self) -> str:
        """Why the worker has to go; nothing where it may stay."""
        return "its worker was told to end (SIGTERM)" if self._terminated else ""

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True
