"""What a person sees of a running job: a live view in a terminal, a line per event elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tune_jobs.experiment.facts import Closed, Draining, Fact, Failed, Interrupted, Moved, Warned
from tune_jobs.experiment.state import RunState, Status, Trial
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.views import texts
from tune_jobs.views.view import View

REDRAWS_PER_SECOND = 8


def progress_view(job: TuneJob, console: Console) -> View:
    return LiveProgress(job, console) if console.is_terminal else LineProgress(console)


class LineProgress:
    """One line for every event that a person would want to know of."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._best = ""

    def on_fact(self, fact: Fact, state: RunState) -> None:
        news = [texts.describe(fact, state)]
        if state.incumbent and texts.best(state) != self._best:
            self._best = texts.best(state)
            news.append(self._best)
        if not any(news):
            return
        so_far = [
            texts.counts(state),
            texts.time_left(state),
        ]
        self._console.print(
            f"{texts.clock(state.seconds):>7}  "
            f"{'; '.join(filter(None, news))}  [{', '.join(filter(None, so_far))}]",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def close(self) -> None:
        pass


class LiveProgress:
    """A bar over the trials, the counts, and a table of the trials at work."""

    def __init__(self, job: TuneJob, console: Console) -> None:
        self._drawn = float("-inf")
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._task = self._bar.add_task(job.name, total=job.num_samples, left="starting workers")
        self._live = Live(self._bar, console=console, refresh_per_second=REDRAWS_PER_SECOND)
        self._live.start()

    def on_fact(self, fact: Fact, state: RunState) -> None:
        if isinstance(fact, (Failed, Moved, Warned, Interrupted, Draining)):
            self._live.console.print(texts.describe(fact, state), markup=False, highlight=False)
        now = time.monotonic()
        if now - self._drawn > 1 / REDRAWS_PER_SECOND or isinstance(fact, Closed):
            self._drawn = now
            self._draw(state)

    def close(self) -> None:
        self._live.stop()

    def _draw(self, state: RunState) -> None:
        left = texts.time_left(state)
        if not state.epochs_total:
            left = "starting workers"
        self._bar.update(self._task, total=state.extent.trials, completed=state.ended, left=left)
        line = Text(f"{texts.counts(state)}; {texts.best(state)}")
        running = state.with_status(Status.RUNNING)
        table = [_table_of(running, state)] if running else []
        # The last line is empty for what a terminal writes itself, such as ^C.
        self._live.update(Group(self._bar, line, *table, Text()))


def _table_of(running: Iterable[Trial], state: RunState) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, expand=True)
    for column in ("trial", "epoch", state.objective.metric):
        table.add_column(column, no_wrap=True)
    table.add_column("config", overflow="ellipsis", no_wrap=True, ratio=1)
    for trial in running:
        table.add_row(
            str(trial.trial_id),
            f"{trial.epoch}/{state.extent.reports}",
            texts.number(trial.metrics.get(state.objective.metric, "")),
            texts.values(trial.config),
        )
    return table
