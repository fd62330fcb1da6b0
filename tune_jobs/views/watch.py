"""The live view of a run that another process drives, maybe on another machine."""

from __future__ import annotations

import time
from contextlib import closing

from rich.console import Console

from tune_jobs.job.declaration import Declaration
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Following
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
    with closing(_view(declared, console)) as view:
        watched, is_over = _Watched(folder, declared, view), False
        while not is_over:
            is_over = not patiently(lambda: holder_of(folder), PATIENCE)
            patiently(folder.fetch, PATIENCE)
            watched.look()
            if not is_over:
                time.sleep(BUCKET_PAUSE if folder.bucket else PAUSE)


def _view(declared: Declaration, console: Console) -> Painted:
    if console.is_interactive:
        return LiveProgress(declared, console, time.time())
    return LineProgress(console)


class _Watched:
    """Hands the facts of a journal to a view. What happened before the first look is not news: the
    view gets only the last fact of it."""

    def __init__(self, folder: RunFolder, declared: Declaration, view: Painted) -> None:
        self._folder, self._declared, self._view = folder, declared, view
        self._begin()

    def look(self) -> None:
        if self._journal.was_cut:
            self._begin()
        if self._is_new:
            self._catch_up()
        else:
            for fact in self._journal.news():
                self._state.apply(fact)
                self._view.on_fact(fact, self._state)

    def _begin(self) -> None:
        self._journal = Following(self._folder.journal)
        self._state = self._declared.state(())
        self._is_new = True

    def _catch_up(self) -> None:
        last = None
        for last in self._journal.news():
            self._state.apply(last)
        if last:
            self._is_new = False
            self._view.on_fact(last, self._state)
