"""The live view of a run that another process drives, maybe on another machine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing

from rich.console import Console

from tune_jobs.experiment.facts import Fact
from tune_jobs.job.declaration import Declaration
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.growing import Growing
from tune_jobs.runs.interrupt import before_exit
from tune_jobs.runs.lock import holder_of
from tune_jobs.storage import patiently
from tune_jobs.views.painted import Painted
from tune_jobs.views.progress import LineProgress, LiveProgress

PAUSE, BUCKET_PAUSE = 0.5, 2.0  # seconds between two looks
PATIENCE = 60.0  # seconds for which a storage may be out of reach


def watch(folder: RunFolder, console: Console) -> None:
    """Returns when nobody drives the run any more.

    Raises UserError for a damaged journal, StorageError if the storage stays out of reach.
    """
    declared = folder.read_declaration()
    with closing(_view(declared, console)) as view, before_exit(view.close):
        watched = Growing(folder, lambda content: _Shown(Declaration.of(content), view))
        is_over = False
        while not is_over:
            is_over = not patiently(lambda: holder_of(folder), PATIENCE)
            patiently(watched.fetch, PATIENCE)
            watched.look()
            if not is_over:
                time.sleep(BUCKET_PAUSE if folder.bucket else PAUSE)


def _view(declared: Declaration, console: Console) -> Painted:
    if not console.is_interactive:
        return LineProgress(console)
    view = LiveProgress(declared, console, time.time())
    view.doing("waiting for its driver")
    return view


class _Shown:
    """Hands facts to a view. What happened before the first look is not news: the view gets only
    the last fact of it."""

    def __init__(self, declared: Declaration, view: Painted) -> None:
        self._state, self._view = declared.state(()), view
        self._is_new = True

    def extend(self, facts: Iterable[Fact]) -> None:
        last = None
        for last in facts:
            self._state.apply(last)
            if not self._is_new:
                self._view.on_fact(last, self._state)
        if last and self._is_new:
            self._is_new = False
            self._view.on_fact(last, self._state)
