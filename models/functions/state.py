"""The newest state that a training function reported, kept until it is in a checkpoint."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tune_jobs.models import randomness
from tune_jobs.models.stored import read_state, write_state

_FILES = "files"
"""The folder in a checkpoint for a state that is a file or a folder."""
_OBJECTS = "state.pt"


class State:
    """At first there is none.

    A file or folder is copied when it is reported, because the function may remove it as soon as
    it trains on.

    Attributes:
        value: what was reported: objects, or the path of a copy.
        epoch: after which it was reported; 0 if there is none.
    """

    def __init__(self) -> None:
        self.value: Any = None
        self.epoch = 0
        self._random: dict[str, Any] = {}
        self._folder: TemporaryDirectory[str] | None = None

    def take(self, value: Any, epoch: int) -> None:
        """Raises FileNotFoundError for a path where nothing is."""
        before, self._folder = self._folder, None
        self.value = self._copy(Path(value)) if isinstance(value, os.PathLike) else value
        self.epoch, self._random = epoch, randomness.captured()
        if before:
            before.cleanup()

    def continue_random_numbers(self) -> None:
        """The global random numbers go on from where they were when the value was reported."""
        if self._random:
            randomness.continued(self._random)

    def close(self) -> None:
        if self._folder:
            self._folder.cleanup()

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the value into the folder; returns the rest, for JSON."""
        if self.epoch and self._folder:
            shutil.copytree(self._folder.name, folder / _FILES)
        elif self.epoch:
            write_state(self.value, folder / _OBJECTS)
        return {"state_epoch": self.epoch, "random": self._random}

    def load(self, folder: Path, rest: dict[str, Any]) -> None:
        """Reads what `save` wrote; runs no code from it."""
        if (folder / _FILES).is_dir():
            (kept,) = (folder / _FILES).iterdir()
            self.take(kept, rest["state_epoch"])
        elif rest["state_epoch"]:
            self.take(read_state(folder / _OBJECTS), rest["state_epoch"])
        self._random = rest["random"]

    def _copy(self, path: Path) -> Path:
        """The file or folder, alone in a folder of its own, under its own name."""
        self._folder = TemporaryDirectory(prefix="tune-jobs-state-", ignore_cleanup_errors=True)
        copy = Path(self._folder.name) / path.resolve().name
        if path.is_dir():
            return Path(shutil.copytree(path, copy, symlinks=True))
        return Path(shutil.copy2(path, copy))
