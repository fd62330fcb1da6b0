"""The checkpoint store: a folder per trial, a folder in it per epoch, complete or not there.

    checkpoints/00007/epoch-00009/   what the model saved, and epoch.json: what it measured

The worker that trained an epoch writes it; the driver removes what nobody needs any more,
since only the driver knows what the others still need.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from search_algos.decisions import Exploit
from tune_jobs.facts import Fact, Failed, Reported, Resumed
from tune_jobs.run_state import CheckpointRef, RunState

_MEASURED = "epoch.json"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: the model after ``epoch``, which took ``seconds``."""

    folder: Path
    epoch: int
    metrics: Mapping[str, float]
    seconds: float


class CheckpointStore:
    """Checkpoints under one folder, which every worker must be able to reach."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(
        self,
        trial_id: int,
        epoch: int,
        write: Callable[[Path], None],
        metrics: Mapping[str, float],
        seconds: float,
    ) -> None:
        """Adds a checkpoint; ``write`` fills the folder it is given.

        The folder gets its name when all of it is on disk, so a crash leaves no half of one.
        """
        final = self.folder(CheckpointRef(trial_id, epoch))
        unfinished = final.with_name(f".{final.name}")
        for left_over in final.parent.glob(".epoch-*"):  # by a worker that died
            shutil.rmtree(left_over)
        unfinished.mkdir(parents=True)
        write(unfinished)
        measured = {"epoch": epoch, "metrics": dict(metrics), "seconds": seconds}
        (unfinished / _MEASURED).write_text(json.dumps(measured))
        for path in [*unfinished.rglob("*"), unfinished]:
            _sync(path)
        shutil.rmtree(final, ignore_errors=True)
        unfinished.rename(final)
        _sync(final.parent)

    def load(self, ref: CheckpointRef) -> Checkpoint:
        """Raises FileNotFoundError where the store does not have it."""
        folder = self.folder(ref)
        measured = json.loads((folder / _MEASURED).read_text())
        return Checkpoint(folder, measured["epoch"], measured["metrics"], measured["seconds"])

    def newest(self, trial_id: int) -> Checkpoint | None:
        epochs = self._epochs(trial_id)
        return self.load(CheckpointRef(trial_id, max(epochs))) if epochs else None

    def keep_only(self, trial_id: int, epochs: set[int]) -> None:
        """Removes every other checkpoint of the trial, up to the newest of ``epochs``."""
        for epoch in self._epochs(trial_id):
            if epoch not in epochs and epoch < max(epochs):
                shutil.rmtree(self.folder(CheckpointRef(trial_id, epoch)), ignore_errors=True)

    def folder(self, ref: CheckpointRef) -> Path:
        return self.root / f"{ref.trial_id:05d}" / f"epoch-{ref.epoch:05d}"

    def _epochs(self, trial_id: int) -> list[int]:
        folders = (self.root / f"{trial_id:05d}").glob("epoch-*")
        return [int(folder.name.removeprefix("epoch-")) for folder in folders]


class Retention:
    """A view that keeps what may still be needed: of every trial the newest checkpoint, the
    incumbent's, and those a clone has yet to start from."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._incumbent: int | None = None
        self._donors: dict[int, int] = {}  # clone -> the trial whose checkpoint it waits for

    def __call__(self, fact: Fact, state: RunState) -> None:
        match fact:
            case Resumed(trial_id=trial_id, exploit=Exploit(source=source)):
                self._donors[trial_id] = source
            case Reported(trial_id=trial_id) | Failed(trial_id=trial_id, retry=False):
                self._clean_up(trial_id, state)
        if isinstance(fact, Reported) and isinstance(fact.decision, Exploit):
            self._donors[fact.trial_id] = fact.decision.source

    def _clean_up(self, trial_id: int, state: RunState) -> None:
        touched = {trial_id, self._donors.pop(trial_id, None), self._incumbent}
        self._incumbent = state.incumbent.trial_id if state.incumbent else None
        for number in touched:
            if number is not None:
                self._store.keep_only(number, needed_epochs(number, state))

    def close(self) -> None:
        pass


def needed_epochs(trial_id: int, state: RunState) -> set[int]:
    refs = [CheckpointRef(trial_id, state.trials[trial_id].epoch), *state.clones.values()]
    if state.incumbent:
        refs.append(state.incumbent.checkpoint)
    return {ref.epoch for ref in refs if ref.trial_id == trial_id}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
