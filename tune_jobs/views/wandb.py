"""Trials in Weights & Biases. Install its package ``wandb`` yourself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import wandb

from tune_jobs.experiment.trial import Status
from tune_jobs.views.texts import trial_name
from tune_jobs.views.tracker import Tracker


class WandbCallback(Tracker[wandb.Run]):
    """One W&B run per trial: its config, its metrics by epoch, its status, and tags for the job
    and the run.

    Args:
        project: by default the job's name.
        group: by default the run's name.
        options: others of `wandb.init`: ``entity``, ``mode``, ``dir``, ``tags``.
    """

    def __init__(
        self, project: str | None = None, group: str | None = None, **options: Any
    ) -> None:
        self._project = project
        self._group = group
        self._options = options
        quiet = wandb.Settings(silent=True, console="off")  # the driver's output is not a trial's
        self._settings = options.pop("settings", quiet)

    def open_run(self, trial_id: int, config: Mapping[str, Any]) -> wandb.Run:
        tags = [*self._options.get("tags", ()), f"job:{self.job.name}", f"run:{self.run}"]
        return wandb.init(
            project=self._project or self.job.name,
            group=self._group or self.run,
            id=re.sub(r"[^\w.-]", "_", f"{self.key}-{trial_id:05d}"),
            name=trial_name(trial_id, config),
            config={**self.constants, **config, "trial": trial_id},
            reinit="create_new",
            resume="allow",
            settings=self._settings,
            **{**self._options, "tags": [tag[:64] for tag in tags]},
        )

    def log(self, theirs: wandb.Run, epoch: int, time: float, metrics: Mapping[str, float]) -> None:
        theirs.log({"epoch": epoch, **metrics}, step=epoch)

    def close_run(self, theirs: wandb.Run, status: Status, summary: Mapping[str, Any]) -> None:
        theirs.summary.update(dict(summary))
        theirs.finish(exit_code=1 if status is Status.FAILED else 0)
