"""What a trial uses of its machine, measured by its worker."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import NamedTuple

from tune_jobs.experiment.cost import Usage
from tune_jobs.on_ray.internals import psutil

_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of the memory in getrusage


class Meter:
    """Measures one trial after another in this process.

    The memory is the most that this process held since the trial came, with what its libraries
    take. Only Linux can count anew; elsewhere it is the most since the process began. The
    processes that a trial started count on Linux: their CPU time, and the memory that they hold
    at the end of an epoch.
    """

    def start(self) -> None:
        """Another trial comes."""
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
        self._before, self._again = _used(), 0

    def read(self, is_new: bool) -> Usage:
        """At the end of an epoch: what was used since the last new one. An epoch that is not new
        was recorded before; it counts with the next new one."""
        if not is_new:
            self._again += 1
            return Usage()
        before, again = self._before, self._again
        self._before, self._again = _used(), 0
        spent = round(self._before.since(before), 3)
        return Usage(cpu_seconds=spent, memory_bytes=self._before.memory, trained_again=again)


class _Used(NamedTuple):
    """CPU seconds of this process, of its children that have ended, and of each that has not; and
    the bytes of memory of all that are there."""

    own: float
    ended: float
    at_work: dict[int, float]
    memory: int

    def since(self, before: _Used) -> float:
        """The CPU seconds between two moments. A child that ended meanwhile brings all its
        seconds, also those that were counted before; one that nobody waited for brings none."""
        known = sum(s for child, s in before.at_work.items() if child not in self.at_work)
        at_work = sum(s - before.at_work.get(child, 0.0) for child, s in self.at_work.items())
        return self.own - before.own + at_work + max(0.0, self.ended - before.ended - known)


def _used() -> _Used:
    ended = os.times()
    memory = getrusage(RUSAGE_SELF).ru_maxrss * _UNIT
    at_work = {}
    for child in _children(os.getpid()):
        with suppress(psutil.Error):  # it ended meanwhile
            process = psutil.Process(child)
            at_work[child] = sum(process.cpu_times()[:4])
            memory += process.memory_info().rss
    children = ended.children_user + ended.children_system
    return _Used(time.process_time(), children, at_work, memory)


def _children(parent: int) -> Iterator[int]:
    """The processes that another one's main thread started, and those that they started."""
    with suppress(OSError):
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            yield int(child)
            yield from _children(int(child))
