"""Ray Tune's own searchers and schedulers in a job, as objects.

They keep a memory of what they were told, so neither of our promises about seeds holds for
them: a run cannot be repeated exactly, and one that is resumed goes on with a fresh object.
Every build has a copy of the object, told everything in losses, of which lower is better.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ray.air.constants import TRAINING_ITERATION

from tune_jobs.errors import UserError

LOSS = "loss"
"""The metric that they are told, whatever the job's."""


def copied(name: str, given: Any, base: type, options: Mapping[str, Any]) -> Any:
    """A copy with a state of its own.

    Raises UserError for options, and for what is not derived from ``base`` or cannot be copied.
    """
    if options:
        raise UserError(f"{name} is an object; give {', '.join(options)} to its constructor")
    if not isinstance(given, base):
        raise UserError(f"{name} must be derived from {base.__module__}.{base.__name__}")
    try:
        return copy.deepcopy(given)
    except Exception as error:
        raise UserError(
            f"{name} cannot be copied, and every run needs one of its own: {error}"
        ) from error


def told(epoch: int, loss: float, done: bool = False) -> dict[str, Any]:
    """A result as Ray's trials report it."""
    return {TRAINING_ITERATION: epoch, LOSS: loss, "done": done}
