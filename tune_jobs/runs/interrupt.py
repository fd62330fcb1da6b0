"""How a run, and any other command, ends after Ctrl-C, SIGTERM or a closed terminal.

A run finishes its running epochs (`Interrupt`). At all other times a command ends at once
(`end_at_once_when_told`).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_BY_SIGNAL = 128  # plus the number of the signal, as in shells
ANSWER_SECONDS = 3.0  # for an orderly end
LAST_SECONDS = 2.0  # for steps that must happen before the end

_before_exit: list[Callable[[], object]] = []
_listening: list[Interrupt] = []


class Interrupt:
    """Whether a run was asked to end, and by which signal."""

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._told = False
        self._waits: Callable[[], bool] = lambda: True

    @property
    def asked(self) -> bool:
        return self._signal is not None

    @property
    def number(self) -> int:
        """The number of the signal, or 0."""
        return self._signal or 0

    @property
    def name(self) -> str:
        """``SIGINT``, ``SIGTERM``, ``SIGHUP``, or empty."""
        return self._signal.name if self._signal else ""

    def is_news(self) -> bool:
        """Whether a signal came since the last call."""
        news, self._told = self.asked and not self._told, self.asked
        return news

    def waits(self) -> bool:
        """Whether something is running that should finish before the end."""
        return self._waits()

    @contextmanager
    def listening(self, at_work: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Inside, the first signal is only noted if something is running that should finish. The
        next signal, or the first if nothing is running, raises KeyboardInterrupt."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python allows no handlers
            return
        before, self._waits = self._waits, at_work
        _listening.append(self)
        handlers = _not_ignored()
        try:
            for number in handlers:
                signal.signal(number, self._note)
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            _listening.pop()
            self._waits = before

    def _note(self, number: int, frame: FrameType | None) -> None:
        at_once, self._signal = self.asked or not self.waits(), signal.Signals(number)
        if at_once:
            raise KeyboardInterrupt


def end_at_once_when_told() -> None:
    """For a process that is a command: from now on a signal ends it without a traceback and with
    the exit code that shells expect, even during minutes of native code. A run that is
    `listening` gets the signal first and has a few seconds for its end."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()
    for number in _not_ignored():
        signal.signal(number, lambda number, frame: _end(number))


@contextmanager
def before_exit(step: Callable[[], object]) -> Iterator[None]:
    """Inside, ``step`` is done before the process ends at once. It may run in any thread and has
    a few seconds; nothing is done after it."""
    _before_exit.append(step)
    try:
        yield
    finally:
        _before_exit.remove(step)


def _not_ignored() -> dict[signal.Signals, Any]:
    """Our signals with their handlers; a signal that is ignored, as under nohup, stays ignored."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    return {n: handler for n, handler in handlers.items() if handler != signal.SIG_IGN}


def _watch(reader: int) -> None:
    """Ends the process if the main thread does not, for example because it is in native code."""
    noted = False
    while number := os.read(reader, 1)[0]:
        if number not in SIGNALS:
            continue
        if _listening and not noted and _listening[-1].waits():
            noted = True
            continue
        if _listening:
            time.sleep(ANSWER_SECONDS)
        _end(number)


_ending = threading.Lock()


def _end(number: int) -> NoReturn:
    with _ending:  # for ever
        try:
            deadline = time.monotonic() + LAST_SECONDS
            steps = [threading.Thread(target=_take, args=(s,), daemon=True) for s in _before_exit]
            for step in steps:
                step.start()
            for step in steps:
                step.join(max(0.0, deadline - time.monotonic()))
        finally:
            os._exit(EXIT_BY_SIGNAL + number)


def _take(step: Callable[[], object]) -> None:
    with suppress(Exception):
        step()
