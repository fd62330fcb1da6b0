"""Files that trials write for people: artifacts/00007/ has those of trial 7."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tune_jobs.models.base import TrainingError
from tune_jobs.models.trial import Trial
from tune_jobs.storage import Folder, Place


def trial_of(run: Place, number: int, epoch: int = 0) -> Trial:
    """What a model knows of its trial.

    Args:
        run: its folder.
        epoch: from which the model goes on, or which is tested.
    """
    return Trial(number, epoch, partial(_made, run.child("artifacts"), number))


def _made(artifacts: Place, number: int) -> Path:
    if not isinstance(artifacts, Folder):
        raise TrainingError(
            f"trial.folder would be in {artifacts.url}, and in a bucket there are no folders; keep "
            "the run in a folder that all nodes share, or write the files elsewhere"
        )
    folder = artifacts.path / f"{number:05d}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
