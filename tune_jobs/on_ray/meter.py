"""What a trial uses of its machine, measured by its worker."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

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
        self._cpu_seconds = _used()[0]
        self._again = 0

    def read(self, is_new: bool) -> Usage:
        """At the end of an epoch: what was used since the last new one. An epoch that is not new
        was recorded before; it counts with the next new one."""
        if not is_new:
            self._again += 1
            return Usage()
        before, again = self._cpu_seconds, self._again
        (self._cpu_seconds, memory), self._again = _used(), 0
        spent = round(max(0.0, self._cpu_seconds - before), 3)
        return Usage(cpu_seconds=spent, memory_bytes=memory, trained_again=again)


def _used() -> tuple[float, int]:
    """CPU seconds since this process began, and bytes of memory."""
    ended = os.times()  # of children that are gone
    seconds = time.process_time() + ended.children_user + ended.children_system
    memory = getrusage(RUSAGE_SELF).ru_maxrss * _UNIT
    for child in _children(os.getpid()):
        with suppress(psutil.Error):  # it ended meanwhile
            process = psutil.Process(child)
            seconds += sum(process.cpu_times()[:4])
            memory += process.memory_info().rss
    return seconds, memory


def _children(parent: int) -> Iterator[int]:
    """The processes that another one's main thread started, and those that they started."""
    with suppress(OSError):
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            yield int(child)
            yield from _children(int(child))
