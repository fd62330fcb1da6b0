"""Ctrl-C, SIGTERM and a closed terminal while a run goes on: an end in good order, and at once
when repeated."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Whether the run was told to end, and by which signal."""

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._told = False

    @property
    def asked(self) -> bool:
        return self._signal is not None

    @property
    def name(self) -> str:
        """``SIGINT``, ``SIGTERM``, ``SIGHUP``, or nothing."""
        return self._signal.name if self._signal else ""

    def is_news(self) -> bool:
        """Whether it was asked for since the last time this was."""
        news, self._told = self.asked and not self._told, self.asked
        return news

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The first signal inside is noted, the next one raises KeyboardInterrupt.

        A signal that is ignored, as under nohup, stays so; outside of the main thread, where
        Python allows no handlers, nothing is changed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {n: signal.getsignal(n) for n in SIGNALS if signal.getsignal(n) != signal.SIG_IGN}
        for number in before:
            signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self._signal = signal.Signals(number)
