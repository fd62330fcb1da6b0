"""How a program is called: the commands of a job and their hyperparameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import (
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from pydantic.dataclasses import dataclass
from pydantic_core import InitErrorDetails, PydanticCustomError

from tune_jobs.models.data import Fold
from tune_jobs.models.programs.lines import words

_NOT_FOR_THE_PROGRAM = ("command", "test_command", "grace_seconds", "trial_timeout", "fold")


@dataclass(frozen=True, config=ConfigDict(extra="allow"))
class CommandConfig:
    """All other names are hyperparameters of the program.

    In a command, ``{name}`` is a hyperparameter, ``{seed}`` or ``{max_epochs}``; ``{config}`` is
    the path of a JSON file with all of them, and ``{{`` is a brace. The command is split into
    words as by a shell, but runs without one. ``{fold}``, from 0, is the fold to validate on and
    ``{folds}`` the number of folds. With 1 fold nothing is held out; 0 means no cross-validation.
    """

    command: str
    test_command: str = ""  # run once, at the end, with the checkpoint to test
    grace_seconds: NonNegativeFloat = 10.0  # between SIGTERM and SIGKILL
    seed: NonNegativeInt = 0
    max_epochs: PositiveInt = 1
    trial_timeout: PositiveFloat | None = None  # seconds that an epoch may take
    fold: Fold | None = None  # of a cross-validation, which sets it

    def __post_init__(self) -> None:
        if "config" in vars(self):
            raise _refusal(self, "config", "{config} is the path of the JSON file; rename it")
        if "folds" in vars(self):
            raise _refusal(self, "folds", "{folds} is the number of folds; rename it")
        for field in ("command", "test_command"):
            try:
                empty = not filled_in(getattr(self, field), self, Path())
            except ValueError as error:
                raise _refusal(self, field, str(error)) from None
            if empty and field == "command":
                raise _refusal(self, field, "it is empty; give a program and its arguments")


def hyperparameters(config: CommandConfig) -> dict[str, Any]:
    """What the program gets: all names and values, except those for starting it."""
    told = {name: v for name, v in vars(config).items() if name not in _NOT_FOR_THE_PROGRAM}
    number, of = config.fold or (0, 0)
    return {**told, "fold": number, "folds": of}


def filled_in(command: str, config: CommandConfig, file: Path) -> list[str]:
    """The words of a command with the values of the config; ``file`` is the JSON file."""
    return words(command, {**hyperparameters(config), "config": str(file)})


def _refusal(config: CommandConfig, field: str, why: str) -> ValidationError:
    error = PydanticCustomError("command", "{why}", {"why": why})
    details = InitErrorDetails(type=error, loc=(field,), input=vars(config)[field])
    return ValidationError.from_exception_data("CommandConfig", [details])
