"""The newest checkpoint of a program, where the program itself has no hand in it any more."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp


class Checkpoint:
    """None at first.

    Attributes:
        path: a file or folder, alone in a folder of its own; or None.
        epoch: after which it was written; 0 where there is none.

    Args:
        folder: for the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[Path] = set()
        self.path: Path | None = None
        self.epoch = 0

    def take(self, written: Path, name: str, epoch: int) -> None:
        """Moves away what a program wrote as ``name`` into the folder ``written``; the one
        before is removed.

        Raises ValueError, which goes on from "the line", for a name that leads outside, that is
        not there, or that was there before.
        """
        path = (written / name).resolve()
        if written.resolve() not in path.parents:
            raise ValueError(f"has the checkpoint {name!r}, which is not in $TUNE_JOBS_CHECKPOINTS")
        if path in self._names:
            raise ValueError(
                f"has the checkpoint {name!r} again; each needs a new name, since the program "
                "goes on while one is copied"
            )
        if not path.exists():
            raise ValueError(
                f"has the checkpoint {name!r}, which is not there; it has to be complete when its "
                "line is printed"
            )
        self._names.add(path)
        before, kept = self.path, self._new_folder()
        self.path, self.epoch = path.rename(kept / path.name), epoch
        if before:
            shutil.rmtree(before.parent)

    def copy_to(self, folder: Path) -> None:
        """Raises OSError where the copy cannot be written."""
        if self.path:
            shutil.copytree(self.path.parent, folder)

    def copy_from(self, folder: Path, epoch: int) -> None:
        """What was copied there; none for epoch 0."""
        self.path, self.epoch = None, epoch
        if epoch:
            kept = self._new_folder()
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            (self.path,) = kept.iterdir()

    def _new_folder(self) -> Path:
        return Path(mkdtemp(prefix="kept-", dir=self._folder))
