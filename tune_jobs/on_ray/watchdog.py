"""Ends a worker that hangs, and shows where it hung."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tune_jobs.experiment.assignments import Assignment, Train


@contextmanager
def ended_when_it_hangs(seconds: float | None, report: Path) -> Iterator[None]:
    """Ends this process if the work inside takes longer; ``report`` then shows where each of its
    threads was. This works even if a library holds Python's lock."""
    if seconds is None:
        yield
        return
    with _opened(report) as file:
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


class Hangs:
    """The driver's side: the reports of workers that were ended.

    Args:
        timeout: seconds without a report, or None.
        reports: the folder of the reports.
    """

    def __init__(self, timeout: float | None, reports: Path) -> None:
        self._timeout = timeout
        self._reports = reports

    def explain(self, work: Assignment, error: str) -> str:
        """The error of a worker that died without one: where it hung, if it hung."""
        report = report_of(work, self._reports)
        with suppress(OSError):
            if stacks := report.read_text():
                report.unlink()
                return f"{stacks}no report for {self._timeout:g} s (trial_timeout)"
        return error


def report_of(work: Assignment, reports: Path) -> Path:
    """The file for the stacks of a worker that hangs in this work."""
    return reports / f"{name_of(work)}.txt"


def name_of(work: Assignment) -> str:
    """As in the names of its files."""
    return f"{work.trial_id:05d}" if isinstance(work, Train) else "test"


def hang_reports(errors: Path) -> Path:
    """The folder in a run's errors for the reports of workers that hang."""
    return errors / ".hanging"


def _opened(report: Path) -> IO[str]:
    """The report, or None if it cannot be written here."""
    with suppress(OSError):
        report.parent.mkdir(parents=True, exist_ok=True)
        return report.open("w")
    return open("/dev/null", "w")
