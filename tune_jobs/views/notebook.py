"""What a person sees of a running job in a notebook: a bar, the counts, the best so far."""

from __future__ import annotations

import sys
from contextvars import copy_context
from html import escape
from typing import Any

from tune_jobs.job.tune_job import TuneJob
from tune_jobs.views import texts
from tune_jobs.views.painted import Picture

NEWS_SHOWN = 10


def in_a_notebook() -> bool:
    """Whether this process is the kernel of one."""
    found = sys.modules.get("IPython")
    shell = found.get_ipython() if found else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookProgress(Picture):
    """One output of a cell, which is updated in its place."""

    def __init__(self, job: TuneJob, began: float) -> None:
        from IPython.display import HTML, display

        self._job = job
        self._html = HTML
        self._display: Any = display(HTML(""), display_id=True)
        self._of_this_cell = copy_context()  # the kernel asks it whose output this is
        super().__init__(pause=0.5, news=NEWS_SHOWN, began=began)

    def paint(self) -> None:
        shown = self._html("<br>".join(self._lines()))
        self._of_this_cell.copy().run(self._display.update, shown)

    def _lines(self) -> list[str]:
        state = self.state
        done, total = (state.ended, state.extent.trials) if state else (0, self._job.num_samples)
        bar = f'<progress value="{done}" max="{total}" style="width: 30em"></progress>'
        lines = [f"<b>{self._job.name}</b> {escape(self._job.method)}"]
        lines.append(f"{bar} {done}/{total} &nbsp; {self.took} &nbsp; {escape(self.left)}")
        if state:
            said = [texts.counts(state), texts.best(state)]
            if state.incumbent:
                said.append(texts.values(state.incumbent.config))
            lines += map(escape, [*said, *list(self.news)])
        return lines
