"""The contract of a model: what a trial needs to train, stop, come back and be judged."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import ConfigDict

Metrics = Mapping[str, float]

STRICT = ConfigDict(extra="forbid")
"""For a pydantic dataclass: a name it does not have is an error and not passed over."""


class FilledIn(NamedTuple):
    """What a run knows, and fills into the Config of a model that has a field of this name.

    Attributes:
        seed: of the job.
        max_epochs: of a complete training, over which a schedule may stretch.
        trial_timeout: seconds that an epoch may take, or None.
    """

    seed: int
    max_epochs: int
    trial_timeout: float | None

    def for_config(self, config: type, besides: Container[str] = ()) -> dict[str, Any]:
        """Those that a dataclass has a field for, but for the names that are set elsewhere."""
        fields = {field.name for field in dataclasses.fields(config)}
        given = self._asdict().items()
        return {name: v for name, v in given if name in fields and name not in besides}


class TrainingError(Exception):
    """Training cannot go on, for a reason that the text tells better than a traceback."""


class Done(Exception):  # noqa: N818  # nothing went wrong
    """`Model.train_epoch` raises it where the training has come to its own end before max_epochs,
    as with an early stopping of its own: the trial is complete with the epochs that it has."""


class Model(ABC):
    """One training of one config, an epoch at a time.

    An epoch is one unit of training: a pass over the data, a block of trees, a fold. Two
    models with the same config train alike, and one that was saved and loaded goes on exactly
    as if it had never stopped.

    Subclasses name a frozen dataclass `Config` with every hyperparameter and its default. A run
    sets the fields that `FilledIn` names, where the Config has them; a cross-validation sets
    ``fold``. A Config of pydantic's with ``extra="allow"`` takes any name.
    """

    Config: ClassVar[Any]
    structural: ClassVar[frozenset[str]] = frozenset()
    """Hyperparameters that shape the state, so that `reconfigure` cannot change them."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def train_epoch(self) -> Metrics:
        """Trains one epoch; returns what was measured on the way, such as ``train_loss``.

        Raises `Done` where there is nothing left to train.
        """

    @abstractmethod
    def evaluate(self) -> Metrics:
        """Measures on the validation data, such as ``val_loss`` and ``val_accuracy``."""

    @abstractmethod
    def test(self) -> Metrics:
        """Measures on the test data, which nothing else may look at; called once a run."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that training depends on: weights, optimizer, schedule, random state, epoch.

        Tensors, numbers, text, and lists and dicts of them.
        """

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over a `state_dict` of a model with the same shapes."""

    def reconfigure(self, config: Any) -> None:
        """Puts the hyperparameters of ``config`` in force on the present state.

        Needed by schedulers that clone trials (PBT): called after `load` with a state that
        was trained under another config.
        """
        raise NotImplementedError(f"{type(self).__name__} has no reconfigure(config)")

    def close(self) -> None:
        """Lets go of what would outlive the object, such as a process; nothing is asked of it
        afterwards."""

    def save(self, folder: Path) -> None:
        """Writes the state into an empty folder; override for a state that is not tensors."""
        import torch  # here, so that a model without torch does not wait for it

        torch.save(self.state_dict(), folder / "state.pt")

    def load(self, folder: Path) -> None:
        """Restores what `save` wrote. Runs no code from the file."""
        import torch

        state = torch.load(folder / "state.pt", map_location="cpu", weights_only=True)
        self.load_state_dict(state)
