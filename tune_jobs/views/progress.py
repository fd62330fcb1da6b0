"""Shows a running job: a live view in a terminal, a bar in a notebook, a line per event
elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tune_jobs.experiment.facts import Fact, Opened, RunResumed
from tune_jobs.experiment.state import RunState, Status, Trial
from tune_jobs.job.declaration import Declaration
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.views import texts
from tune_jobs.views.notebook import NotebookProgress, in_a_notebook
from tune_jobs.views.painted import STARTING_RAY, STARTING_WORKERS, Painted, Picture
from tune_jobs.views.screen import cell, table

REDRAWS_PER_SECOND = 8
LINES_KEPT = 10_000  # that nobody has read yet


def progress_view(job: TuneJob, console: Console, began: float | None = None) -> Painted:
    """The view for where the output goes; ``began`` is when the command of the run started, in
    seconds since 1970, by default now."""
    began = time.time() if began is None else began
    if in_a_notebook():
        return NotebookProgress(job, began)
    return (
        LiveProgress(job, console, began)
        if console.is_interactive
        else LineProgress(console, began)
    )


@contextmanager
def waiting(console: Console, what: str) -> Iterator[None]:
    """Says what takes long: with a spinner in a terminal, as a line elsewhere."""
    if console.is_interactive:
        with console.status(Text(what)):
            yield
    else:
        console.print(Text(what), soft_wrap=True)
        yield


class LineProgress(Painted):
    """One line per event that a person wants to know.

    Args:
        began: when the command of the run started, in seconds since 1970; None if this process
            does not start it.
    """

    def __init__(self, console: Console, began: float | None = None) -> None:
        self._console = console
        self._best = ""
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        if began is not None:
            self._lines.append(f"{texts.clock(time.time() - began):>7}  {STARTING_RAY}")
        super().__init__(pause=0.0, tick=None)

    def note(self, fact: Fact, state: RunState) -> None:
        news = [texts.describe(fact, state)]
        if isinstance(fact, (Opened, RunResumed)):
            news.append(STARTING_WORKERS)
        if state.incumbent and texts.best(state) != self._best:
            self._best = texts.best(state)
            news.append(self._best)
        if any(news):
            so_far = ", ".join(filter(None, [texts.counts(state), texts.time_left(state)]))
            said = "; ".join(filter(None, news))
            self._lines.append(f"{texts.clock(state.seconds):>7}  {said}  [{so_far}]")

    def paint(self) -> None:
        while self._lines:
            self._console.print(Text(self._lines.popleft()), soft_wrap=True)


class LiveProgress(Picture):
    """A progress bar, the counts, and a table of the running trials."""

    def __init__(self, job: TuneJob | Declaration, console: Console, began: float) -> None:
        self._job = job
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()
        super().__init__(pause=1 / REDRAWS_PER_SECOND, news=LINES_KEPT, began=began)

    def paint(self) -> None:
        while self.news:
            self._live.console.print(Text(self.news.popleft()))
        self._live.update(self._frame(), refresh=True)

    def finish(self) -> None:
        self._live.stop()

    def _frame(self) -> Group:
        state = self.state
        if state is None:
            return Group(self._bar(0, self._job.num_samples))
        lines = [
            Text(text, no_wrap=True, overflow="ellipsis")
            for text in (texts.counts(state), texts.best(state))
        ]
        room = max(1, self._live.console.height - 6)
        # The last line is empty, for what the terminal itself writes, such as ^C.
        bar = self._bar(state.ended, state.extent.trials)
        return Group(bar, *lines, *_at_work(state, room), Text())

    def _bar(self, done: int, total: int) -> Table:
        bar = Table.grid(padding=(0, 1), expand=True)
        for ratio in (None, 1, None, None, None):
            bar.add_column(no_wrap=True, ratio=ratio)
        shown = ProgressBar(total=total, completed=done)
        name = Text(self._job.name, style="bold")
        bar.add_row(name, shown, Text(f"{done}/{total}"), Text(self.took), Text(self.left))
        return bar


def _at_work(state: RunState, room: int) -> Iterator[Table | Text]:
    """The running trials, as many as fit."""
    running = state.with_status(Status.RUNNING)
    if running:
        yield _table_of(running[:room], state)
    if len(running) > room:
        yield Text(f"and {len(running) - room} more", style="dim")


def _table_of(running: Sequence[Trial], state: RunState) -> Table:
    shown = table("trial", state.objective.unit, state.objective.metric, expand=True)
    shown.add_column("config", overflow="ellipsis", no_wrap=True, ratio=1)
    for trial in running:
        shown.add_row(
            cell(trial.trial_id),
            cell(f"{trial.epoch}/{state.extent.reports}"),
            cell(trial.metrics.get(state.objective.metric, "")),
            Text(texts.values(trial.config)),
        )
    return shown
