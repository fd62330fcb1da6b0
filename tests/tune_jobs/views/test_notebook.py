"""What a notebook shows of a run, in a real kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

CELL = """
import sys
sys.path.insert(0, {tests!r})
from rich.console import Console
from runs import *
from tune_jobs.search_algos.domains import Choice
from tune_jobs.views.progress import progress_view

job = tiny_job(space={{"x": Float(0, 1), "text": Choice(["<script>", "<b>[/x]"])}}, num_samples=40)
view = progress_view(job, Console())
experiment = job.build_experiment()
experiment.start(lambda fact: fact, view.on_fact)
experiment.warn("<i>careful</i>")
simulate(experiment, falling, 2)
experiment.record(Closed(status="finished"))
view.close()
"""


def test_a_notebook_shows_one_bar_which_ends_with_the_last_state() -> None:
    cell = CELL.format(tests=str(Path(__file__).parents[2]))
    cell = "from tune_jobs.experiment.facts import Closed\n" + cell
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    shown = output["data"]["text/html"]
    assert '<progress value="40" max="40"' in shown
    assert "trials 40/40" in shown
    assert "best loss" in shown
    assert "text &lt;" in shown, "what stands in a value is no HTML"
    assert "warning: &lt;i&gt;careful&lt;/i&gt;" in shown
