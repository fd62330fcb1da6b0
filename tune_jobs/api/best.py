"""The best epoch of a run, and the models of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tune_jobs.errors import UserError
from tune_jobs.experiment.state import Incumbent
from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.models.base import Model
from tune_jobs.runs.artifacts import trial_of
from tune_jobs.runs.checkpoints import CheckpointStore, DamagedCheckpointError

if TYPE_CHECKING:
    from tune_jobs.api.run import Run


@dataclass(frozen=True)
class Best:
    """The best epoch of all trials of a run; which epochs count, the job's ``best`` says.

    Attributes:
        value: of the job's metric, the first one of several.
        values: of each metric of the job.
        config: complete, with the values that are the same in every trial.
        test: metrics on the test data; None if they were not measured.
    """

    trial_id: int
    epoch: int
    value: float
    values: dict[str, float]
    config: dict[str, Any]
    test: dict[str, float] | None
    _run: Run = field(repr=False, compare=False)

    @classmethod
    def of(cls, run: Run, found: Incumbent) -> Best:
        state, values = run.state, run.state.objective.values(found.loss)
        tested = state.tested if state.tested and not state.tested.error else None
        is_its = tested and (tested.trial_id, tested.epoch) == found.checkpoint
        return cls(
            found.trial_id,
            found.epoch,
            values[state.objective.metric],
            values,
            {**run.declared.constants, **found.config, **found.derived},
            dict(tested.metrics) if tested and is_its and tested.metrics else None,
            run,
        )

    def load(self) -> Model:
        """The model with the weights of that epoch. Runs no code from the checkpoint.

        Raises UserError if the checkpoint is missing or damaged, if the code of the model is
        missing, and for a cross-validation, which keeps no model.
        """
        return loaded(self._run, CheckpointRef(self.trial_id, self.epoch), self.config)


def best_of(run: Run) -> Best:
    """Raises UserError if there is none yet."""
    if run.best is None:
        raise UserError(f"run {run.name!r} has no best epoch yet: no trial reported the metric")
    return run.best


def loaded(run: Run, ref: CheckpointRef, config: Mapping[str, Any]) -> Model:
    """The model of a checkpoint of the run. Raises UserError as `Best.load` does."""
    try:
        return restored(run, ref, config)
    except DamagedCheckpointError as error:
        raise UserError(str(error)) from None


def restored(run: Run, ref: CheckpointRef, config: Mapping[str, Any]) -> Model:
    """The same, but raises DamagedCheckpointError if the checkpoint is missing or damaged."""
    from tune_jobs.job.building import Builder  # needs numpy
    from tune_jobs.models import randomness

    if run.job.folds:
        raise UserError(
            f"run {run.name!r} is a cross-validation: its checkpoints hold scores, not models; "
            "`tune-jobs retrain` trains a model with this config"
        )
    builder = Builder.of(run.job)
    with randomness.kept():
        model = builder.build(builder.config(config), trial_of(run.folder.place, *ref))
    with CheckpointStore(run.folder.checkpoints).opened(ref) as folder:
        model.load(folder)
    return model
