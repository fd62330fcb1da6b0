"""The newest checkpoint of a program, moved to where the program cannot change it."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp


class Checkpoint:
    """At first there is none.

    Attributes:
        path: a file or folder, alone in a folder of its own; or None.
        epoch: after which it was written; 0 if there is none.

    Args:
        folder: for the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[Path] = set()
        self.path: Path | None = None
        self.epoch = 0

    def take(self, written: Path, name: str, epoch: int) -> None:
        """Takes what a program wrote as ``name`` into the folder ``written``; removes the
        checkpoint before it.

        Raises ValueError, with a text that continues "the line", if the name leads outside, does
        not exist, or was used before.
        """
        path = (written / name).resolve()
        if written.resolve() not in path.parents:
            raise ValueError(f"has the checkpoint {name!r}, which is not in $TUNE_JOBS_CHECKPOINTS")
        if path in self._names:
            raise ValueError(
                f"has the checkpoint {name!r} again; each needs a new name, because the program "
                "continues while one is copied"
            )
        if not path.exists():
            raise ValueError(
                f"has the checkpoint {name!r}, which does not exist; it must be complete before "
                "its line is printed"
            )
        self._names.add(path)
        before, kept = self.path, self._new_folder()
        self.path, self.epoch = path.rename(kept / path.name), epoch
        if before:
            shutil.rmtree(before.parent)

    def copy_to(self, folder: Path) -> None:
        """Raises OSError if the copy cannot be written."""
        if self.path:
            shutil.copytree(self.path.parent, folder)

    def copy_from(self, folder: Path, epoch: int) -> None:
        """Restores a copy; for epoch 0 there is none."""
        self.path, self.epoch = None, epoch
        if epoch:
            kept = self._new_folder()
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            (self.path,) = kept.iterdir()

    def _new_folder(self) -> Path:
        return Path(mkdtemp(prefix="kept-", dir=self._folder))
