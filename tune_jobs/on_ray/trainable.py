"""What runs on a worker: restore a trial, train an epoch, checkpoint it, report it."""

from __future__ import annotations

import platform
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ray.cloudpickle
from ray import tune

from tune_jobs.errors import user_traceback
from tune_jobs.experiment.assignments import Assignment, FinalTest, Train
from tune_jobs.models.base import Done, Model, TrainingError
from tune_jobs.models.data import MissingDataError
from tune_jobs.models.training.cross_validation import CrossValidation
from tune_jobs.on_ray.notice import Notice
from tune_jobs.on_ray.watchdog import ended_when_it_hangs, report_of
from tune_jobs.runs.checkpoints import CheckpointStore, DamagedCheckpointError, Saved
from tune_jobs.runs.restore import restore
from tune_jobs.storage import StorageError

ASSIGNMENT = "assignment"
"""The one key of a Ray trial's config."""
REPORT = "report"
"""The one key of its results that we read."""


@dataclass(frozen=True)
class Setting:
    """What all trials of a run share."""

    model: bytes  # the class, as cloudpickle has it
    import_path: tuple[str, ...]  # of the driver
    constants: Mapping[str, Any]  # of every config
    folds: int | None  # of a cross-validation
    max_epochs: int  # of a training, so of each fold
    checkpoints: CheckpointStore
    cpus: float
    trial_timeout: float | None  # seconds without a report
    hang_reports: Path  # a folder that the driver may be able to read


@dataclass(frozen=True)
class Report:
    """An epoch that is trained and safe, or a finished test (epoch 0)."""

    metrics: Mapping[str, float]
    epoch: int = 0
    seconds: float = 0.0
    node: str = ""
    checkpoint_bytes: int = 0
    done: str = ""  # why the training has come to its own end after that epoch
    warnings: tuple[str, ...] = ()


class TrialError(Exception):
    """A model failed; the text is its own traceback.

    Kinds:
        error: the trial may be tried again.
        refused: the model does not accept the config.
        hopeless: every trial would fail so.
    """

    def __init__(self, text: str, kind: Literal["error", "refused", "hopeless"] = "error") -> None:
        super().__init__(text, kind)
        self.text = text
        self.kind = kind


class LeavingError(Exception):
    """The worker was told to go; its trial stands at the end of an epoch."""


class EpochTrainable(tune.Trainable):
    """One Ray actor, which works on one assignment after another.

    All work happens in `step`, so that whatever a model does wrong arrives as the error of a
    step and not of an actor that could not be made.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters adds the setting
        self, config: dict[str, Any], setting: Setting
    ) -> None:
        self._setting = setting
        self._notice = Notice()
        # First, as in the driver: a library may have a module of the same name.
        sys.path[:0] = [path for path in setting.import_path if path not in sys.path]
        self._store = setting.checkpoints
        self._class: type[Model] | None = None
        self._model: Model | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self._assignment: Assignment = new_config[ASSIGNMENT]
        self._epoch = 0
        self._unreported: deque[Saved] = deque()
        self._warnings: list[str] = []
        return True

    def cleanup(self) -> None:
        model, self._model = self._model, None
        if model is not None:
            model.close()

    def step(self) -> dict[str, Report]:
        try:
            return {REPORT: self._work()}
        except (MissingDataError, StorageError) as error:
            raise TrialError(str(error), "hopeless") from None
        except (DamagedCheckpointError, TrainingError) as error:
            raise TrialError(str(error)) from None
        except (LeavingError, TrialError):
            raise
        except Exception as error:
            raise TrialError(user_traceback(error)) from None

    def _work(self) -> Report:
        if reason := self._notice.reason:
            raise LeavingError(reason)
        match self._assignment:
            case Train() as train:
                return self._train(train)
            case FinalTest() as test:
                return self._test(test)

    def _train(self, train: Train) -> Report:
        if self._model is None:
            self._model = self._build(train.config)
            self._restore(self._model, train)
        if self._unreported:
            return self._report(self._unreported.popleft())
        start = time.perf_counter()
        try:
            with self._not_hanging():
                metrics = _numbers({**self._model.train_epoch(), **self._model.evaluate()})
        except Done as end:
            return Report({}, self._epoch, done=str(end) or "its training came to its own end")
        seconds = round(time.perf_counter() - start, 4)
        self._epoch += 1
        saved = Saved(train.trial_id, self._epoch, train.config, train.lineage, metrics, seconds)
        return self._report(self._store.save(saved, self._model.save))

    def _restore(self, model: Model, train: Train) -> None:
        def load(folder: Path) -> None:
            with self._not_hanging():
                model.load(folder)

        restored = restore(self._store, train, load)
        if restored.cloned:
            model.reconfigure(model.config)
        self._epoch = restored.epoch
        self._unreported.extend(restored.unreported)
        self._warnings += restored.warnings

    def _test(self, test: FinalTest) -> Report:
        self._model = model = self._build(test.config)
        with self._store.opened(test.checkpoint) as folder, self._not_hanging():
            model.load(folder)
        with self._not_hanging():
            return Report(_numbers(model.test()))

    def _build(self, config: Mapping[str, Any]) -> Model:
        if self._class is None:
            self._class = ray.cloudpickle.loads(self._setting.model)
            _limit_threads(self._setting.cpus)
        with self._not_hanging():
            whole = self._config(self._class, config)
            if self._setting.folds:
                return CrossValidation(
                    self._class, whole, self._setting.folds, self._setting.max_epochs
                )
            return self._class(whole)

    def _config(self, model: type[Model], config: Mapping[str, Any]) -> Any:
        try:
            return model.Config(**self._setting.constants, **config)
        except Exception as error:
            raise TrialError(f"{model.__name__}.Config: {error}", "refused") from None

    def _report(self, saved: Saved) -> Report:
        warnings, self._warnings = tuple(self._warnings), []
        return Report(
            saved.metrics,
            saved.epoch,
            saved.seconds,
            platform.node(),
            saved.bytes,
            warnings=warnings,
        )

    def _not_hanging(self) -> AbstractContextManager[None]:
        """Around what the model does; who waits for the storage does not hang."""
        report = report_of(self._assignment, self._setting.hang_reports)
        return ended_when_it_hangs(self._setting.trial_timeout, report)


def _limit_threads(cpus: float) -> None:
    """Torch takes every core of the machine unless told how many it was given."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(max(1, int(cpus)))


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Metrics as plain floats: the model may report numbers of torch, numpy or Python."""
    plain = {}
    for name, value in metrics.items():
        try:
            plain[name] = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"metric {name!r} is {value!r}; a metric is a number") from None
    return plain
