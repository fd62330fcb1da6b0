"""The errors of trials as files: errors/00007.txt has all errors of trial 7, complete."""

from __future__ import annotations

from pathlib import Path

from tune_jobs.experiment.facts import Fact, Failed
from tune_jobs.experiment.state import RunState


class ErrorFiles:
    """A view that writes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_fact(self, fact: Fact, state: RunState) -> None:
        if isinstance(fact, Failed):
            trial = state.trials[fact.trial_id]
            self._folder.mkdir(exist_ok=True)
            path = self._folder / f"{fact.trial_id:05d}.txt"
            with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"failure {trial.failures}, after epoch {trial.epoch}\n{fact.error}\n\n")

    def close(self) -> None:
        pass
