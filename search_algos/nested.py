"""Spaces and configs with dicts in them.

A search is flat: the learning rate in ``{"trainer": {"lr": Float(...)}}`` has the name
``trainer.lr``, and `nest` puts it back. A dict without a domain in it is a plain value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from tune_jobs.search_algos.derived import Derived
from tune_jobs.search_algos.domains import Domain, SpaceError

_Path = tuple[str, ...]


def flat(space: Mapping[str, Any]) -> dict[str, Any]:
    """The space with one name for each domain and each plain value.

    Raises SpaceError for keys that are not text, and for two parts with the same name.
    """
    found: dict[str, Any] = {}
    outer = groups(space)
    for path, value in _parts(space):
        name = ".".join(path)
        if name in found or path_of(name, outer) != path:
            raise SpaceError(
                f"{name!r} in the space can be read in two ways, since a key of a dict has a dot; "
                "give it another name"
            )
        found[name] = value
    return found


def groups(space: Mapping[str, Any]) -> frozenset[str]:
    """The names of the dicts that have domains or derived values in them."""
    paths = [path for path, _ in _parts(space)]
    return frozenset(".".join(path[:end]) for path in paths for end in range(1, len(path)))


def nest(config: Mapping[str, Any], groups: Iterable[str]) -> dict[str, Any]:
    """The config with the parts of these groups in dicts again."""
    nested: dict[str, Any] = {}
    for name, value in config.items():
        *outer, last = path_of(name, groups)
        place = nested
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value
    return nested


def inner(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and those in their dicts under their names with dots."""
    found = dict(values)
    for name, value in values.items():
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            found |= {f"{name}.{part}": v for part, v in inner(value).items()}
    return found


def spread(config: Mapping[str, Any], groups: Collection[str]) -> dict[str, Any]:
    """The inverse of `nest`."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if name in groups:
            inside = {f"{name}.{key}": part for key, part in value.items()}
            found |= spread(inside, groups)
        else:
            found[name] = value
    return found


def _parts(space: Mapping[str, Any], outer: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    for key, value in space.items():
        if not isinstance(key, str):
            raise SpaceError(f"the space has the key {key!r}; the name of a hyperparameter is text")
        if _has_domains(value):
            yield from _parts(value, (*outer, key))
        else:
            yield (*outer, key), value


def _has_domains(value: Any) -> bool:
    return isinstance(value, dict) and any(
        isinstance(part, (Domain, Derived)) or _has_domains(part) for part in value.values()
    )


def path_of(name: str, groups: Iterable[str]) -> _Path:
    """The keys that lead to a parameter, from the outermost dict to its own."""
    outer = max((g for g in groups if name.startswith(f"{g}.")), key=len, default=None)
    if outer is None:
        return (name,)
    return (*path_of(outer, groups), name[len(outer) + 1 :])
