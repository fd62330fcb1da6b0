"""Ray Tune's own searchers and schedulers in a job, as objects.

They have a memory of their own, so our two promises about seeds do not hold for them: a run cannot
be repeated exactly, and a resumed run continues with a new object. Every build has a copy of the
object, which gets only losses; lower is better.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ray.air.constants import TRAINING_ITERATION

from tune_jobs.errors import UserError
from tune_jobs.search_algos.order import Loss

LOSS = "loss"
"""The metric that they get, whatever the job's metric is."""


def copied(name: str, given: Any, base: type, options: Mapping[str, Any]) -> Any:
    """A copy with its own state.

    Raises UserError for options, and if it is not derived from ``base`` or cannot be copied.
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


def told(epoch: int, loss: Loss, done: bool = False) -> dict[str, Any]:
    """A result as Ray's trials report it."""
    return {TRAINING_ITERATION: epoch, LOSS: loss, "done": done}
