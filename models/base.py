"""The contract of a model: what a trial needs to train, stop, come back and be judged."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pydantic import ConfigDict

from tune_jobs.models.trial import Trial
from tune_jobs.models.trial import trial as current_trial

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from tune_jobs.models.data import Split

Metrics = Mapping[str, float]

STRICT = ConfigDict(extra="forbid")
"""For a pydantic dataclass: a name that it does not have is an error."""


class FilledIn(NamedTuple):
    """What a run fills into the Config of a model that has fields of these names.

    Attributes:
        seed: of the job.
        max_epochs: of a complete training; a schedule may span it.
        trial_timeout: seconds that an epoch may take, or None.
    """

    seed: int
    max_epochs: int
    trial_timeout: float | None

    def for_config(self, config: type, besides: Container[str] = ()) -> dict[str, Any]:
        """The values for the fields that a dataclass takes, except those that are set elsewhere."""
        fields = {field.name for field in dataclasses.fields(config) if field.init}
        given = self._asdict().items()
        return {name: v for name, v in given if name in fields and name not in besides}


class TrainingError(Exception):
    """Training cannot continue; the message explains it better than a traceback would."""


class Done(Exception):  # noqa: N818  # nothing went wrong
    """`Model.train_epoch` raises it to end the training before max_epochs, for example after an
    early stopping of its own. The trial is then complete."""


class Model(ABC):
    """One training of one config, an epoch at a time.

    An epoch is one unit of training: a pass over the data, a block of trees, a fold. Two
    models with the same config train alike, and a model that was saved and loaded continues
    exactly as if it had never stopped.

    The global random numbers of Python, numpy and torch start anew before every epoch, from the
    seed and the epoch's number, so `DataLoader(shuffle=True)` needs no generator of its own.

    Subclasses have a frozen dataclass `Config` with every hyperparameter and its default. A run
    sets the fields that `FilledIn` names, if the Config has them; a cross-validation sets
    ``fold``. A pydantic Config with ``extra="allow"`` accepts any name.
    """

    Config: ClassVar[Any]
    structural: ClassVar[frozenset[str]] = frozenset()
    """Hyperparameters that shape the state, so that `reconfigure` cannot change them."""

    keeps_random_numbers: ClassVar[bool] = False
    """Whether the state has the global random numbers, so that nobody starts them anew."""

    @classmethod
    def prepare_data(cls, config: Any) -> None:
        """Fetches the data for a config to this machine, if they are not there. By default it does
        nothing.

        Called before a model is built; and before Ray starts, if trials run on this machine, so
        missing data are an error at once. Several processes may call it at the same time; see
        `tune_jobs.models.data.made_once`. Raises MissingDataError.
        """

    def __init__(self, config: Any) -> None:
        self.config = config

    @cached_property
    def trial(self) -> Trial:
        """The trial that this model is trained for: its number, its epoch, and a folder for its
        files."""
        return current_trial()

    @abstractmethod
    def train_epoch(self) -> Metrics:
        """Trains one epoch; returns metrics of the training, such as ``train_loss``.

        Raises `Done` if there is nothing left to train.
        """

    @abstractmethod
    def evaluate(self) -> Metrics:
        """Returns metrics on the validation data, such as ``val_loss`` and ``val_accuracy``."""

    def test(self) -> Metrics:
        """Returns metrics on the test data. Called once per run; nothing else uses these data.

        Without test data, there is no test.
        """
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Everything that training depends on: weights, optimizer, schedule, epoch, and random
        generators of its own.

        Tensors, numpy arrays, numbers, text, and lists and dicts of them. A model with a `save`
        and a `load` of its own needs no `state_dict` and `load_state_dict`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no state_dict()")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a `state_dict` of a model with the same shapes."""
        raise NotImplementedError(f"{type(self).__name__} has no load_state_dict(state)")

    def reconfigure(self, config: Any) -> None:
        """Changes the hyperparameters to those of ``config`` and keeps the state.

        Schedulers that clone trials (PBT) need it. It is called after `load` with a state that
        was trained with another config.
        """
        raise NotImplementedError(f"{type(self).__name__} has no reconfigure(config)")

    def predictions(self, split: Split) -> NDArray[Any]:
        """Optional, for ensembles: probabilities of the classes (n, ..., classes), or numbers (n,),
        for a split of the data, always in the same order."""
        raise NotImplementedError(f"{type(self).__name__} has no predictions(split)")

    def judge(self, split: Split, predictions: NDArray[Any]) -> Metrics:
        """Optional, for ensembles: the metrics of `evaluate` or `test` that these predictions
        have."""
        raise NotImplementedError(f"{type(self).__name__} has no judge(split, predictions)")

    def export(self, folder: Path) -> None:
        """Writes what predictions need into a folder, for `exported`: no file may hold code."""
        if type(self).save is not Model.save:
            self.save(folder)
        else:
            from tune_jobs.models import tensors

            tensors.save(self.state_dict(), folder)

    @classmethod
    def exported(cls, config: Any, folder: Path) -> Self:
        """The model that `export` wrote."""
        model = cls(config)
        if cls.load is not Model.load:
            model.load(folder)
        else:
            from tune_jobs.models import tensors

            model.load_state_dict(tensors.load(folder))
        return model

    def close(self) -> None:
        """Releases what would outlive the object, such as a process. It is the last call."""

    def save(self, folder: Path) -> None:
        """Writes the state into an empty folder; override it for a state without tensors."""
        from tune_jobs.models.stored import write_state  # needs torch

        write_state(self.state_dict(), folder / "state.pt")

    def load(self, folder: Path) -> None:
        """Restores what `save` wrote. Runs no code from the file."""
        from tune_jobs.models.stored import read_state  # needs numpy

        self.load_state_dict(read_state(folder / "state.pt"))
