"""A model and a job that stand in the cells of a notebook.

Slow: a kernel and a cluster of its own are started.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

MODEL = """
from dataclasses import dataclass
from tune_jobs import Float, Model, Run, TuneJob, run

class Line(Model):
    @dataclass(frozen=True)
    class Config:
        slope: float = 0.0

    def __init__(self, config):
        super().__init__(config)
        self.epoch = 0

    def train_epoch(self):
        self.epoch += 1
        return {"train_loss": abs(self.config.slope - 3)}

    def evaluate(self):
        return {"val_loss": (self.config.slope - 3) ** 2 + 1 / self.epoch}

    def test(self):
        return {"test_loss": (self.config.slope - 3) ** 2}

    def predict(self, x):
        return self.config.slope * x

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]
"""
RUN = """
job = TuneJob(name="line", model=Line, space={"slope": Float(0, 5)}, metric="val_loss", mode="min",
              searcher="random", num_samples=4, max_epochs=3)
first = run(job, name="first")
assert first.status == "finished"
"""
LOOK = """
table = first.trials()
assert len(table) == 4 and "config/slope" in table
model = first.best.load()
assert model.epoch == first.best.epoch
assert abs(model.predict(2.0) - 2 * first.best.config["slope"]) < 1e-12
table
"""
RESUME = """
first.resume(samples="+2")
assert len(first.trials()) == 6
again = Run.open("first")
again.resume(samples="+1")
assert len(again.trials()) == 7
print("all is well")
"""


def test_a_notebook_declares_runs_looks_loads_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNE_JOBS_STORAGE", str(tmp_path / "runs"))
    cells = [nbformat.v4.new_code_cell(source) for source in (MODEL, RUN, LOOK, RESUME)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    texts = [
        "".join(o.get("text", "") or str(o.get("data", "")) for o in cell.outputs)
        for cell in notebook.cells
    ]
    assert "all is well" in texts[3]
    assert "config/slope" in texts[2]
    assert "best val_loss" in texts[1]
