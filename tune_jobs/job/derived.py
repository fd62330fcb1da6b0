"""The whole config of a trial: with constants, dicts, and what is derived from the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tune_jobs.search_algos.derived import Derived
from tune_jobs.search_algos.domains.values import is_json, plain
from tune_jobs.search_algos.nested import nest


def whole(
    values: Mapping[str, Any], derived: Mapping[str, Derived], groups: Iterable[str]
) -> dict[str, Any]:
    """The values with the derived ones, in dicts as in the space.

    Raises ValueError, with the name, for a function that fails.
    """
    return nest({**values, **computed(values, derived, groups)}, groups)


def computed(
    values: Mapping[str, Any], derived: Mapping[str, Derived], groups: Iterable[str]
) -> dict[str, Any]:
    """The derived values alone. Raises ValueError as `whole` does."""
    from tune_jobs.models.functions.config import AttributeDict  # needs pydantic

    groups, found = list(groups), dict[str, Any]()
    for name, value in derived.items():
        try:
            config = AttributeDict(nest({**values, **found}, groups))
            found[name] = plain(value.function(config))
        except Exception as error:
            raise ValueError(f"{name!r} is Derived: {type(error).__name__}: {error}") from error
    return found


def recorded(
    values: Mapping[str, Any], derived: Mapping[str, Derived], groups: Iterable[str]
) -> dict[str, Any]:
    """The derived values that a journal can hold; none if a function fails, which the worker
    says."""
    try:
        found = computed(values, derived, groups)
    except ValueError:
        return {}
    return {name: value for name, value in found.items() if is_json(value)}


@dataclass(frozen=True)
class Elsewhere:
    """A function of which only the name is here."""

    name: str

    def __call__(self, config: Any) -> Any:
        raise LookupError("the job file has no Derived for it now")


def restored(space: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The space with the functions of another one in the places of its own."""
    return {name: _restored(name, value, found.get(name)) for name, value in space.items()}


def _restored(name: str, value: Any, found: Any) -> Any:
    if isinstance(value, dict) and isinstance(found, dict):
        return restored(value, found)
    return found if isinstance(value, Derived) and isinstance(found, Derived) else value
