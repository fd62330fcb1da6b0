"""The lock of a run in a bucket."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from contextlib import suppress
from uuid import uuid4

from tune_jobs.errors import UserError
from tune_jobs.storage.patience import StorageError, patiently
from tune_jobs.storage.place import Place

LEASE_SECONDS = 30.0


def holder_of(place: Place) -> str:
    """Who has the lease of the run in this place, for people; empty if nobody has. It relies on
    this machine's clock, so it is only for display. Raises StorageError."""
    leases = patiently(lambda: place.modified("lease"), 0.0)
    fresh = [name for name, at in leases.items() if time.time() - at < LEASE_SECONDS]
    return _writer_of(place, fresh[0]) if fresh else ""


def _writer_of(place: Place, name: str) -> str:
    """The driver that wrote a lease."""
    try:
        found = json.loads(place.read(name))
        return f"process {found['pid']} on {found['host']}"
    except (OSError, ValueError, KeyError):
        return "another driver"


class Lease:
    """The lock of a run in a bucket. It must be renewed.

    Every driver writes an object of its own. The storage's clock gives its age, so the clocks of
    the machines may differ. A driver that has not renewed it for ``seconds`` may be replaced.

    Attributes:
        lost: names the driver that took over while this one could not reach the storage.

    Raises UserError, with the holder's host and process, if another driver has it, and
    StorageError if the place cannot be reached.
    """

    def __init__(self, place: Place, seconds: float = LEASE_SECONDS) -> None:
        self.lost: StorageError | None = None
        self._place, self._seconds = place, seconds
        self._name = f"lease/{uuid4().hex}"
        self._renewed = patiently(self._take, 0.0)

    def renew(self) -> None:
        """Extends it, or sets ``lost``. Raises OSError."""
        if self._name not in self._place.modified("lease"):
            self._lose()  # the driver that took over removed ours
            return
        renewed, others = self._write()
        # Cut off for too long: the new driver may be about to remove ours.
        if others and renewed - self._renewed >= self._seconds:
            self._lose()
        self._renewed = renewed

    def release(self) -> None:
        """Gives it back; if that fails, it expires."""
        with suppress(OSError):
            self._place.remove(self._name)

    def _take(self) -> float:
        now, others = self._write()
        if now == math.inf:
            raise UserError(f"run {self._place.url} was taken by another driver at this moment")
        fresh = [name for name, modified in others.items() if now - modified < self._seconds]
        if fresh:
            self.release()
            holder = _writer_of(self._place, fresh[0])
            raise UserError(
                f"run {self._place.url} is in use by {holder}; if that process died, wait "
                f"{self._seconds:.0f} s"
            )
        for name in others:
            self._place.remove(name)
        return now

    def _write(self) -> tuple[float, dict[str, float]]:
        """When ours was written, and when the others were."""
        holder = {"host": platform.node(), "pid": os.getpid()}
        self._place.write(self._name, json.dumps(holder).encode())
        others = self._place.modified("lease")
        return others.pop(self._name, math.inf), others  # inf: already removed by another

    def _lose(self) -> None:
        others = sorted(set(self._place.files("lease")) - {self._name})
        holder = _writer_of(self._place, others[0]) if others else "another driver"
        self.lost = StorageError(
            f"run {self._place.url} was taken over by {holder} while this machine could not reach "
            "the storage"
        )
