"""A run that may be going on: what its journal adds up to, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from tune_jobs.experiment.facts import Fact
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Following


class Sum(Protocol):
    """What facts add up to."""

    def extend(self, facts: Iterable[Fact]) -> object:
        """Adds what happened next."""


T = TypeVar("T", bound=Sum)


class Growing(Generic[T]):
    """A run that is looked at again and again; only what is new is read.

    Args:
        begin: makes a sum of no facts from the content of job.json. It is called again if the
            journal was cut, since then everything is read anew.

    Attributes:
        so_far: the sum of all facts until the last look.

    Raises UserError where the folder holds no run.
    """

    def __init__(self, folder: RunFolder, begin: Callable[[dict[str, Any]], T]) -> None:
        self._folder, self._begin = folder, begin
        self.fetch = folder.fetching()
        """Brings what is new in a bucket here."""
        self._begin_anew()

    def look(self) -> T:
        """Reads what is new here. Raises UserError for a damaged journal; what comes before the
        damage is in the sum."""
        if self._journal.was_cut:
            self._begin_anew()
        self.so_far.extend(self._journal.news())
        return self.so_far

    def _begin_anew(self) -> None:
        self.so_far = self._begin(self._folder.read_job_json())
        self._journal = Following(self._folder.journal)
