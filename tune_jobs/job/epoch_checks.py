"""Checks of a model's epoch before anything of it is stored: a mistake in the model is a clear
message in its first epoch, and no checkpoint contains it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from tune_jobs.errors import nearest, user_traceback
from tune_jobs.models.base import Model, TrainingError

_CANNOT_SAVE = "the model cannot save its state"
_CANNOT_LOAD = "the model cannot load the state that it saved, so its trials could not be restored"
_STATES = (
    "A state has tensors, numpy arrays, numbers, text, and lists and dicts of them. For anything "
    "else give the model its own save() and load(); a training function can report a file or "
    "folder: report(metrics, state=Path(...))"
)


def epoch(model: Model) -> dict[str, float]:
    """Trains and evaluates a model for one epoch; returns its metrics. Raises what the model
    raises, and TrainingError for metrics that are no numbers."""
    trained = numbers("train_epoch()", model.train_epoch())
    return {**trained, **numbers("evaluate()", model.evaluate())}


def numbers(said: str, metrics: Any) -> dict[str, float]:
    """The metrics of a model as plain floats; numbers of torch, numpy and Python are accepted.

    Args:
        said: what returned them, such as ``evaluate()``.

    Raises TrainingError for anything else.
    """
    if not isinstance(metrics, Mapping):
        raise TrainingError(
            f"{said} returned {_short(metrics)}; it must return a dict of numbers, such as "
            "{'val_loss': 0.3}, or {} if it measures nothing"
        )
    for name in metrics:
        if not isinstance(name, str):
            raise TrainingError(
                f"{said} returned a metric named {_short(name)}; its name must be a text"
            )
    return {name: _number(name, value) for name, value in metrics.items()}


def steps(time_attr: str, metrics: Mapping[str, float]) -> int:
    """Raises TrainingError unless the metric ``time_attr`` is a whole number of at least 1."""
    if time_attr not in metrics:
        raise TrainingError(
            f"time_attr is {time_attr!r}, which was not reported; {nearest(time_attr, metrics)}"
        )
    value = metrics[time_attr]
    if value < 1 or not value.is_integer():
        raise TrainingError(
            f"time_attr {time_attr!r} is {value}; it must be a whole number of steps, at least 1"
        )
    return int(value)


def is_misspelt(metrics: Collection[str], reported: Collection[str]) -> bool:
    """Whether the model certainly reported one of the job's metrics, but in another spelling.

    Names that only look similar may be two metrics, and one of them may come later.
    """
    missing = [_letters(metric) for metric in metrics if metric not in reported]
    others = [_letters(name) for name in reported if name not in metrics]
    return any(_is_spelt_like(metric, name) for metric in missing for name in others)


def save(model: Model, folder: Path) -> None:
    """Raises OSError for an error of the storage, MemoryError if there is no room, and
    TrainingError for any other error, because that is the model's."""
    try:
        model.save(folder)
    except OSError as error:
        file = error.filename
        if isinstance(file, (str, PathLike)) and not Path(file).is_relative_to(folder):
            raise TrainingError(user_traceback(error)) from error
        raise
    except MemoryError:
        raise
    except Exception as error:
        said = f"{_CANNOT_SAVE}. {_STATES}:\n{user_traceback(error)}"
        raise TrainingError(said) from error


def load(model: Model, folder: Path) -> None:
    """Raises TrainingError, with the model's own traceback, if it cannot load its state; and
    MemoryError if there is no room for it, also on a GPU."""
    try:
        model.load(folder)
    except Exception as error:
        if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            raise MemoryError(str(error)) from error
        said = f"{_CANNOT_LOAD}. {_STATES}:\n{user_traceback(error)}"
        raise TrainingError(said) from error


def _number(name: str, value: Any) -> float:
    try:
        number = value.item() if hasattr(value, "item") else value  # of torch or numpy
        if not isinstance(number, (str, bytes)):
            return float(number)
    except (TypeError, ValueError, ArithmeticError, RuntimeError):  # the last is torch's
        pass
    raise TrainingError(f"metric {name!r} is {_short(value)}; a metric must be a number")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _is_spelt_like(one: str, other: str) -> bool:
    """Whether both have the same letters, except for at most one."""
    shorter, longer = sorted((one, other), key=len)
    letters = iter(longer)
    is_part = all(letter in letters for letter in shorter)
    return sorted(one) == sorted(other) or (is_part and len(longer) - len(shorter) == 1)
