"""A model's Config from plain values, some of them dicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints


def config_of(config: type, values: Mapping[str, Any]) -> Any:
    """The Config with these values. A dict for a field that is a dataclass becomes that dataclass;
    what the dict leaves out is as in the field's default, or as in the dataclass' own."""
    return config(**{name: _built(config, name, value) for name, value in values.items()})


def _built(owner: type, name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    default = _default(owner, name)
    if dataclasses.is_dataclass(default) and not isinstance(default, type):
        parts = {part: _built(type(default), part, v) for part, v in value.items()}
        return dataclasses.replace(default, **parts)
    inside = _dataclass_of(owner, name)
    return value if inside is None else config_of(inside, value)


def _default(owner: type, name: str) -> Any:
    for field in dataclasses.fields(owner):
        if field.name == name and field.default_factory is not dataclasses.MISSING:
            return field.default_factory()
        if field.name == name:
            return field.default
    return None


def _dataclass_of(owner: type, name: str) -> type | None:
    """The dataclass in the annotation of a field, as in ``Trainer`` and ``Trainer | None``."""
    try:
        hint = get_type_hints(owner).get(name)
    except NameError:  # of a class that exists only for type checkers, or inside a function
        return None
    kinds = [kind for kind in (hint, *get_args(hint)) if dataclasses.is_dataclass(kind)]
    return kinds[0] if len(kinds) == 1 and isinstance(kinds[0], type) else None
