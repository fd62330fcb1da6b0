"""Any program as a model: it gets a config and prints metrics, one line per epoch.

- a JSON object on standard output holds the metrics of an epoch; a number alone is the metric
  ``value``; other lines are shown in errors
- ``"checkpoint"`` beside the metrics names a file or folder in $TUNE_JOBS_CHECKPOINTS; the program
  continues from the one in $TUNE_JOBS_RESTORE
- a program that is restored repeats the epochs since its newest checkpoint; their metrics are
  ignored
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from tune_jobs.models.base import Done, Metrics, Model
from tune_jobs.models.programs.checkpoint import Checkpoint
from tune_jobs.models.programs.config import CommandConfig, filled_in, hyperparameters
from tune_jobs.models.programs.program import Program, ProgramError

_LIKE_THIS = 'such as {"loss": 0.5}'
_PATIENCE = 0.9  # of trial_timeout: later the worker is killed and cannot show what was printed


class Command(Model):
    """Any program; it trains in a process of its own."""

    Config = CommandConfig

    def __init__(self, config: CommandConfig) -> None:
        super().__init__(config)
        self._temporary = TemporaryDirectory(
            prefix="tune-jobs-program-", ignore_cleanup_errors=True
        )
        self._folder = Path(self._temporary.name)
        self._checkpoint = Checkpoint(self._folder)
        self._program: Program | None = None
        self._epoch = 0

    def train_epoch(self) -> Metrics:
        until = self._deadline()
        program = self._program or self._start(self.config.command)
        while self._printed <= self._epoch:
            metrics = self._next_epoch(program, until)
        self._epoch += 1
        return metrics

    def evaluate(self) -> Metrics:
        return {}

    def test(self) -> Metrics:
        """The last metrics that ``test_command`` prints; none without one."""
        if not self.config.test_command:
            return {}
        until, metrics = self._deadline(), None
        program = self._start(self.config.test_command)
        while found := program.next_metrics("the test", until):
            metrics = found.metrics
        if metrics is None:
            raise program.error(f"the test_command ended without a line of metrics, {_LIKE_THIS}")
        self._stop()
        return metrics

    def reconfigure(self, config: CommandConfig) -> None:
        if self._checkpoint.path is None:
            raise ProgramError(
                "a clone needs a checkpoint, and the program has written none: write one into "
                '$TUNE_JOBS_CHECKPOINTS and print {..., "checkpoint": "<its name>"}'
            )
        self._stop()
        self.config = config

    def close(self) -> None:
        self._stop()
        self._temporary.cleanup()

    def state_dict(self) -> dict[str, Any]:
        """The number of epochs; what the program has learned is in the files that `save` copies."""
        return {"epoch": self._epoch, "checkpoint_epoch": self._checkpoint.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch = state["epoch"]

    def save(self, folder: Path) -> None:
        (folder / "state.json").write_text(json.dumps(self.state_dict()))
        self._checkpoint.copy_to(folder / "checkpoint")

    def load(self, folder: Path) -> None:
        self._stop()
        state = json.loads((folder / "state.json").read_text())
        self._checkpoint.copy_from(folder / "checkpoint", state["checkpoint_epoch"])
        self.load_state_dict(state)

    def _next_epoch(self, program: Program, until: float | None) -> Metrics:
        """The metrics that the program prints next, maybe for an epoch that was reported before."""
        what = f"epoch {self._printed + 1}"
        found = program.next_metrics(what, until)
        if found is None and self._printed:
            raise Done(f"the program ended by itself after {self._printed} epochs")
        if found is None:
            raise program.error(
                "the program ended without a line of metrics; it must print one per epoch, "
                f"{_LIKE_THIS}"
            )
        self._printed += 1
        if found.checkpoint is not None:
            try:
                self._checkpoint.take(self._written, found.checkpoint, self._printed)
            except ValueError as error:
                raise program.error(f"the line of {what} {error}") from None
        return found.metrics

    def _start(self, command: str) -> Program:
        self._stop()
        config = self._folder / "config.json"
        config.write_text(json.dumps(hyperparameters(self.config)))
        self._written = Path(mkdtemp(prefix="written-", dir=self._folder))
        variables = {
            **os.environ,
            "TUNE_JOBS_CONFIG": str(config),
            "TUNE_JOBS_CHECKPOINTS": str(self._written),
            "TUNE_JOBS_RESTORE": str(self._checkpoint.path or ""),
        }
        if not self._checkpoint.path:
            del variables["TUNE_JOBS_RESTORE"]
        words = filled_in(command, self.config, config)
        self._program = Program(words, variables, self._folder)
        self._printed = self._checkpoint.epoch
        return self._program

    def _stop(self) -> None:
        program, self._program = self._program, None
        if program:
            program.end(self.config.grace_seconds)

    def _deadline(self) -> float | None:
        timeout: float | None = self.config.trial_timeout
        return None if timeout is None else time.monotonic() + _PATIENCE * timeout
