"""The config that a training function gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from tune_jobs.models.data import Fold


@dataclass(frozen=True, config=ConfigDict(extra="allow"))
class FunctionConfig:
    """All other names are hyperparameters of the function."""

    seed: NonNegativeInt = 0
    max_epochs: PositiveInt = 1
    fold: Fold | None = None  # of a cross-validation, which sets it


class AttributeDict(dict[str, Any]):
    """A dict whose keys are attributes too, also those of dicts within."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(
            {
                name: AttributeDict(value) if isinstance(value, dict) else value
                for name, value in values.items()
            }
        )

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"the config has no {name!r}; it has {', '.join(map(str, self))}"
            ) from None


class Hyperparameters(AttributeDict):
    """The names of the space; ``config.lr`` is ``config["lr"]``.

    ``max_epochs``, ``seed`` and ``fold`` are attributes too. They are no keys unless the space has
    them, so ``**config`` has the hyperparameters alone.
    """

    def __init__(self, config: FunctionConfig, names: frozenset[str]) -> None:
        values = vars(config)
        super().__init__({name: values[name] for name in values if name in names})
        self.__dict__.update({name: values[name] for name in ("seed", "max_epochs", "fold")})
