"""Models in trouble that `tiny_model` cannot be in."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

from tiny_model import Tiny

from tune_jobs.models.base import Metrics
from tune_jobs.models.data import MissingDataError
from tune_jobs.storage import folder as storage


class DiesAfterSaving(Tiny):
    """Its process is killed once, between the checkpoint of epoch 4 and the report of it."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        if self.epoch != 4 or Path(self.config.once).exists():
            return
        Path(self.config.once).touch()
        sync = storage._sync

        def sync_and_die(path: Path) -> None:
            sync(path)
            if path == folder.parent:  # the last step of the store, after the rename
                os.kill(os.getpid(), signal.SIGKILL)

        storage._sync = sync_and_die


class CannotLoad(Tiny):
    """Until the file ``once`` is there, which mends it."""

    def load(self, folder: Path) -> None:
        if not Path(self.config.once).exists():
            raise TypeError(f"numpy's array cannot be loaded with x = {self.config.x}")
        super().load(folder)


class Talks(Tiny):
    """In every way that there is; a thread of its own too, and it fails once."""

    def train_epoch(self) -> Metrics:
        if self.epoch == 2 and not Path(self.config.once).exists():
            Path(self.config.once).touch()
            sys.stdout.write("its last words")
            os.kill(os.getpid(), signal.SIGKILL)
        thread = threading.Thread(target=sys.stdout.write, args=[f"print {self.epoch}\n"])
        thread.start()
        thread.join()
        logging.getLogger("mine").warning("log %d", self.epoch)
        warnings.warn(f"warning {self.epoch}", stacklevel=1)
        return super().train_epoch()

    def test(self) -> Metrics:
        sys.stderr.write("print of the test\n")
        return super().test()


class NowAndThen(Tiny):
    """Has its metric every other epoch only."""

    def evaluate(self) -> Metrics:
        return super().evaluate() if self.epoch % 2 == 0 else {"seconds": 1.0}


class NeedsData(Tiny):
    def __init__(self, config: Tiny.Config) -> None:
        raise MissingDataError("the digits are not here: put digits.csv into /data")


class DownloadsData(Tiny):
    @classmethod
    def prepare_data(cls, config: Tiny.Config) -> None:
        raise MissingDataError("the digits cannot be downloaded: put digits.csv into /data")


class Broken(Tiny):
    """Fails in every trial, whatever its config."""

    def __init__(self, config: Tiny.Config) -> None:
        super().__init__(config)
        raise ZeroDivisionError(f"{config.x} by nothing")


class LosesItsStorage(Tiny):
    """Once, before epoch 3, the folder of all checkpoints makes way for a file, as when a shared
    disk is taken away."""

    def train_epoch(self) -> Metrics:
        if self.epoch == 2 and not Path(self.config.once).exists():
            Path(self.config.once).touch()
            checkpoints = Path(self.config.log).parent / "run" / "checkpoints"
            checkpoints.rename(checkpoints.with_name("away"))
            checkpoints.touch()
        return super().train_epoch()
