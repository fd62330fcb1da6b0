"""Shows a running job: a live view in a terminal, a bar in a notebook, a line per event
elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tune_jobs.experiment.facts import Fact, Opened, RunResumed
from tune_jobs.experiment.state import RunState
from tune_jobs.job.declaration import Declaration
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.interrupt import before_exit
from tune_jobs.views import texts
from tune_jobs.views.frame import frame
from tune_jobs.views.notebook import NotebookProgress, in_a_notebook
from tune_jobs.views.painted import FIRST_EPOCH, Painted, Picture
from tune_jobs.views.screen import spinner_of

REDRAWS_PER_SECOND = 5
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
        spinning = console.status(Text(what), spinner=spinner_of(console))
        with spinning, before_exit(spinning.stop):
            yield
    else:
        console.print(Text(what), soft_wrap=True)
        yield


class LineProgress(Painted):
    """One line per event that a person wants to know.

    Args:
        began: when the command of the run started, in seconds since 1970; by default now.
    """

    def __init__(self, console: Console, began: float | None = None) -> None:
        self._console, self._began = console, time.time() if began is None else began
        self._best = ""
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        super().__init__(pause=0.0)

    def doing(self, what: str) -> None:
        took = time.time() - self._began
        self._lines.append(f"{texts.clock(took):>7}  {what}")
        self._changed.set()

    def note(self, fact: Fact, state: RunState) -> None:
        news = [texts.describe(fact, state)]
        if isinstance(fact, (Opened, RunResumed)):
            news.append(FIRST_EPOCH)
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
    """A progress bar, and below it what fits the terminal; nothing of it is left at the end."""

    def __init__(self, job: TuneJob | Declaration, console: Console, began: float) -> None:
        self._job = job
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._spinner = Spinner(spinner_of(console))
        self._live.start()
        super().__init__(pause=1 / REDRAWS_PER_SECOND, news=LINES_KEPT, began=began)

    def paint(self) -> None:
        while self.news:
            self._live.console.print(Text(self.news.popleft()))
        self._live.update(self.frame(), refresh=True)

    def finish(self) -> None:
        self._live.stop()

    def frame(self) -> Group:
        """What is painted."""
        state, size = self.state, self._live.console.size
        if state is None:
            return Group(self._bar(0, self._job.num_samples))
        bar = self._bar(state.ended, state.extent.trials)
        # The last line is empty, for what the terminal itself writes, such as ^C.
        return Group(bar, frame(state, size.width, size.height - 3), Text())

    def _bar(self, done: int, total: int) -> Table:
        bar = Table.grid(padding=(0, 1), expand=True)
        for ratio in (None, 1, None, None, None):
            bar.add_column(no_wrap=True, ratio=ratio)
        shown = ProgressBar(total=total, completed=done)
        name = Text(texts.printable(self._job.name), style="bold")
        self._spinner.text = Text(self.left)
        left = self._spinner if self.waits_for else self._spinner.text
        bar.add_row(name, shown, Text(f"{done}/{total}"), Text(self.took), left)
        return bar
