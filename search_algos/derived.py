"""A hyperparameter that is computed from the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tune_jobs.search_algos.domains.values import SpaceError


@dataclass(frozen=True)
class Derived:
    """A value that the other hyperparameters of a config give: ``Derived(lambda c: 4 * c.width)``.

    Searchers and schedulers do not see it; a model gets it as any other value.

    Args:
        function: gets the config, a dict whose keys are attributes too, with the values of the
            space, and those that were derived before, in the order of the space. It returns the
            same for the same config.

    Raises SpaceError for anything that cannot be called.
    """

    function: Callable[[Any], Any]

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise SpaceError(f"Derived({self.function!r}): give a function of the config")

    def __str__(self) -> str:
        return "derived from the others"
