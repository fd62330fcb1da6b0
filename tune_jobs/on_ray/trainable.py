"""The work of a worker: restore a trial, train an epoch, write a checkpoint, report."""

from __future__ import annotations

import platform
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ray import tune
from ray.exceptions import RayActorError

from tune_jobs.errors import user_traceback
from tune_jobs.experiment.assignments import Assignment, FinalTest, Train
from tune_jobs.experiment.cost import Usage
from tune_jobs.experiment.objective import Objective
from tune_jobs.job import epoch_checks as checks
from tune_jobs.job.building import Builder, limit_threads
from tune_jobs.models import randomness
from tune_jobs.models.base import Done, Model, TrainingError
from tune_jobs.models.data import MissingDataError
from tune_jobs.models.trial import Trial
from tune_jobs.on_ray.ends import end_of
from tune_jobs.on_ray.internals import travelled
from tune_jobs.on_ray.meter import Meter
from tune_jobs.on_ray.notice import Notice
from tune_jobs.on_ray.output import kept_output
from tune_jobs.on_ray.packed import unpacked
from tune_jobs.on_ray.ray_tune.their_functions import hosted
from tune_jobs.on_ray.watchdog import ended_when_it_hangs, name_of, report_of
from tune_jobs.on_ray.whereabouts import Whereabouts
from tune_jobs.runs.artifacts import trial_of
from tune_jobs.runs.checkpoints import CheckpointStore, DamagedCheckpointError, Saved
from tune_jobs.runs.restore import restore
from tune_jobs.storage import Place, StorageError

ASSIGNMENT = "assignment"
"""The one key of a Ray trial's config."""
REPORT = "report"
"""The one key of its results that we read."""


@dataclass(frozen=True)
class Setting:
    """The settings that all trials of a run share."""

    builder: bytes  # as cloudpickle has it
    import_path: tuple[str, ...]  # of the driver
    objective: Objective
    clones: bool  # whether the scheduler may start a trial from another one
    holds_two: bool  # whether a trial's resources are enough for two models at the same time
    checkpoints: CheckpointStore
    cpus: float
    trial_timeout: float | None  # seconds without a report
    logs: Place
    run: Place
    hang_reports: Path  # a folder that the driver may be able to read


@dataclass(frozen=True)
class Report:
    """An epoch that is trained and safe, or a finished test (epoch 0)."""

    metrics: Mapping[str, float]
    epoch: int = 0
    seconds: float = 0.0
    node: str = ""
    checkpoint_bytes: int = 0
    usage: Usage | None = None
    done: str = ""  # why the training has come to its own end after that epoch
    warnings: tuple[str, ...] = ()


class TrialError(Exception):
    """A model failed; the text is its own traceback.

    Kinds:
        error: the trial may be tried again.
        refused: the model does not accept the config.
        hopeless: every trial would fail like this.
        node lost: that of another process of the trial.
    """

    def __init__(
        self, text: str, kind: Literal["error", "refused", "hopeless", "node lost"] = "error"
    ) -> None:
        super().__init__(text, kind)
        self.text = text
        self.kind = kind


class LeavingError(Exception):
    """The worker was asked to leave; its trial is at the end of an epoch."""


class EpochTrainable(tune.Trainable):
    """One Ray actor; it works on one assignment after another.

    All work happens in `step`, so a mistake in a model is the error of a step, and not of an actor
    that could not start.
    """

    def setup(  # type: ignore[override]  # tune.with_parameters adds the setting
        self, config: dict[str, Any], setting: Setting
    ) -> None:
        self._setting, self._whereabouts = setting, Whereabouts()
        self._notice, self._meter = Notice(), Meter()
        # First, as in the driver: a library may have a module of the same name.
        sys.path[:0] = [path for path in setting.import_path if path not in sys.path]
        # Before that, because a node may have an older copy of what travelled to it.
        sys.path[:0] = travelled()
        self._store = setting.checkpoints
        self._loaded: Builder | None = None
        self._model: Model | None = None
        self._is_load_checked, self._is_metric_warned = not setting.holds_two, False
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self._whereabouts.start()
        self._assignment: Assignment = new_config[ASSIGNMENT]
        self._epoch = 0
        self._unreported: deque[Saved] = deque()
        self._warnings: list[str] = []
        self._meter.start()
        return True

    def cleanup(self) -> None:
        model, self._model = self._model, None
        try:
            if model is not None:
                model.close()
        except Exception as error:  # no failure of the next trial
            self._notice.leave(f"the trial before in its worker cannot be closed: {error}")

    def step(self) -> dict[str, Report]:
        try:
            with self._whereabouts.of_the_trial(), self._kept_output():
                return {REPORT: self._work()}
        except (MissingDataError, StorageError) as error:
            raise TrialError(str(error), "hopeless") from None
        except (DamagedCheckpointError, TrainingError) as error:
            raise TrialError(str(error)) from None
        except (LeavingError, TrialError):
            raise
        except RayActorError as error:
            is_lost = end_of(error) == "node"
            raise TrialError(user_traceback(error), "node lost" if is_lost else "error") from None
        except BaseException as error:  # of the model; Ray would take SystemExit for its own
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
            self._model = self._build(train)
            self._restore(self._model, train)
        if self._unreported:
            return self._report(self._unreported.popleft(), train)
        start = time.perf_counter()
        try:
            epoch, metrics = self._trained_epoch(self._model)
        except Done as end:
            return Report({}, self._epoch, done=str(end) or "its training came to its own end")
        seconds = round(time.perf_counter() - start, 4)
        previous, self._epoch = self._epoch, epoch
        if not previous:
            self._check_metric(train, metrics)
        saved = Saved(
            train.trial_id, epoch, train.config, train.lineage, metrics, seconds, previous=previous
        )
        return self._report(self._store.save(saved, partial(self._save, self._model, train)), train)

    def _trained_epoch(self, model: Model) -> tuple[int, dict[str, float]]:
        """The next epoch and its metrics. Reports of steps that the trial has are passed over: the
        source of a clone may have been a few behind, and a function may begin anew."""
        reached = 0
        while True:
            with self._not_hanging():
                metrics = self._builder.train_epoch(model, self._epoch + 1)
            before, reached = reached, self._builder.reached(self._epoch, metrics)
            if reached > self._epoch:
                return reached, metrics
            if reached <= before:
                raise TrainingError(
                    f"time_attr {self._builder.time_attr!r} is {reached} after {before}; it must "
                    "grow from report to report"
                )

    def _check_metric(self, train: Train, metrics: Mapping[str, float]) -> None:
        """A misspelt metric is the job's mistake; one that is measured only sometimes may come."""
        objective = self._setting.objective
        if objective.loss(metrics) is not None:
            return
        missing = objective.missing_from(metrics)
        if checks.is_misspelt(objective.metrics, metrics):
            raise TrialError(missing, "hopeless")
        if not self._is_metric_warned:
            self._is_metric_warned = True
            self._warnings.append(f"trial {train.trial_id}, epoch 1: {missing}")

    def _save(self, model: Model, train: Train, folder: Path) -> None:
        checks.save(model, folder)
        if not self._is_load_checked:
            self._check_load(train, folder)
            self._is_load_checked = True

    def _check_load(self, train: Train, folder: Path) -> None:
        """Loads a first checkpoint into a second model, as when a trial is restored. If there is
        no room for a second model, the check is skipped."""
        with randomness.kept(), suppress(MemoryError):
            try:
                another = self._build(train)
            except Exception:
                return
            try:
                with closing(another):
                    self._load(another, folder)
                    if self._setting.clones:
                        another.reconfigure(another.config)
            except OSError as error:  # of the model; the storage has none here
                raise TrainingError(user_traceback(error)) from error

    def _load(self, model: Model, folder: Path) -> None:
        with self._not_hanging():
            checks.load(model, folder)

    def _restore(self, model: Model, train: Train) -> None:
        restored = restore(self._store, train, partial(self._load, model))
        if restored.cloned:
            model.reconfigure(model.config)
        self._epoch = restored.epoch
        self._is_load_checked = self._is_load_checked or restored.epoch > 0
        self._unreported.extend(restored.unreported)
        self._warnings += restored.warnings

    def _test(self, test: FinalTest) -> Report:
        self._model = model = self._build(test)
        with self._store.opened(test.checkpoint) as folder:
            self._load(model, folder)
        with self._not_hanging(), model.trial.current():
            return Report(checks.numbers("test()", model.test()))

    def _build(self, work: Assignment) -> Model:
        builder = self._builder
        hosted(name_of(work), self.trial_resources)
        with self._not_hanging():
            try:
                whole = builder.config(work.config)
            except Exception as error:
                text = f"{builder.model.__name__}.Config: {error}"
                raise TrialError(text, "refused") from None
            return builder.build(whole, self._trial(work))

    def _trial(self, work: Assignment) -> Trial:
        number, epoch = (work.trial_id, work.epoch) if isinstance(work, Train) else work.checkpoint
        return trial_of(self._setting.run, number, epoch)

    @property
    def _builder(self) -> Builder:
        if self._loaded is None:  # now it may import the user's code
            self._loaded = unpacked(self._setting.builder)
            limit_threads(self._setting.cpus)
        return self._loaded

    def _report(self, saved: Saved, train: Train) -> Report:
        warnings, self._warnings = tuple(self._warnings), []
        return Report(
            saved.metrics,
            saved.epoch,
            saved.seconds,
            platform.node(),
            saved.bytes,
            self._meter.read(is_new=saved.epoch > train.epoch),
            warnings=warnings,
        )

    def _kept_output(self) -> AbstractContextManager[None]:
        work, title = self._assignment, "[final test]"
        if isinstance(work, Train):
            title = f"[epoch {1 + (self._epoch if self._model else work.epoch)}]"
        return kept_output(self._setting.logs, f"{name_of(work)}.txt", title)

    def _not_hanging(self) -> AbstractContextManager[None]:
        """Watches the model's work; waiting for the storage does not count as hanging."""
        report = report_of(self._assignment, self._setting.hang_reports)
        return ended_when_it_hangs(self._setting.trial_timeout, report)
