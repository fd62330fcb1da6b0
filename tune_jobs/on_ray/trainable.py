"""What runs on a worker: restore a trial, train an epoch, checkpoint it, report it."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.cloudpickle
from ray import tune

from models.base import Model
from models.data import MissingDataError
from tune_jobs.checkpoints import Checkpoint, CheckpointStore
from tune_jobs.experiment import Assignment, FinalTest, Train
from tune_jobs.tracebacks import user_traceback

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
    checkpoints: Path
    cpus: float


@dataclass(frozen=True)
class Report:
    """An epoch that is trained and safe, or a finished test (epoch 0)."""

    metrics: Mapping[str, float]
    epoch: int = 0
    seconds: float = 0.0
    node: str = ""


class TrialError(Exception):
    """A model failed; the text is its own traceback. ``fatal`` means for every trial."""

    def __init__(self, text: str, fatal: bool = False) -> None:
        super().__init__(text, fatal)
        self.text = text
        self.fatal = fatal


class EpochTrainable(tune.Trainable):
    """One Ray actor, which works on one assignment after another.

    All work happens in `step`, so that whatever a model does wrong arrives as the error of a
    step and not of an actor that could not be made.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters adds the setting
        self, config: dict[str, Any], setting: Setting
    ) -> None:
        self._setting = setting
        sys.path += [path for path in setting.import_path if path not in sys.path]
        self._store = CheckpointStore(setting.checkpoints)
        self._class: type[Model] | None = None
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._assignment: Assignment = new_config[ASSIGNMENT]
        self._model: Model | None = None
        self._epoch = 0
        return True

    def step(self) -> dict[str, Report]:
        try:
            match self._assignment:
                case Train() as train:
                    return {REPORT: self._train(train)}
                case FinalTest() as test:
                    return {REPORT: self._test(test)}
        except MissingDataError as error:
            raise TrialError(str(error), fatal=True) from None
        except Exception as error:
            raise TrialError(user_traceback(error)) from None

    def _train(self, train: Train) -> Report:
        if self._model is None:
            self._model = self._build(train.config)
            unreported = self._restore(self._model, train)
            if unreported:
                return self._report(unreported.metrics, unreported.seconds)
        start = time.perf_counter()
        metrics = _numbers({**self._model.train_epoch(), **self._model.evaluate()})
        seconds = round(time.perf_counter() - start, 4)
        self._epoch += 1
        self._store.save(train.trial_id, self._epoch, self._model.save, metrics, seconds)
        return self._report(metrics, seconds)

    def _restore(self, model: Model, train: Train) -> Checkpoint | None:
        """Brings the model to where its trial stands.

        Returns a checkpoint that was written but not yet reported when its worker died.
        """
        own = self._store.newest(train.trial_id)
        if train.clone_of and (own is None or own.epoch <= train.epoch):
            model.load(self._store.folder(train.clone_of))
            model.reconfigure(model.config)
            self._epoch = train.epoch
        elif own:
            model.load(own.folder)
            self._epoch = own.epoch
            if own.epoch > train.epoch:
                return own
        return None

    def _test(self, test: FinalTest) -> Report:
        model = self._build(test.config)
        model.load(self._store.folder(test.checkpoint))
        return Report(_numbers(model.test()))

    def _build(self, config: Mapping[str, Any]) -> Model:
        if self._class is None:
            self._class = ray.cloudpickle.loads(self._setting.model)
            _limit_threads(self._setting.cpus)
        return self._class(self._class.Config(**self._setting.constants, **config))

    def _report(self, metrics: Mapping[str, float], seconds: float) -> Report:
        return Report(metrics, self._epoch, seconds, platform.node())


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
