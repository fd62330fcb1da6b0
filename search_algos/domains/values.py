"""Values of a config: as plain Python, as JSON, and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_TUPLE = "__tuple__"
"""JSON has no tuples: ``(1, 2)`` is written as ``{"__tuple__": [1, 2]}``."""


class SpaceError(ValueError):
    """A space cannot be searched; the message says what was given, what is allowed, what to do."""


def plain(value: Any) -> Any:
    """The value with numbers of numpy or torch as numbers of Python, at any depth."""
    if isinstance(value, dict):
        return {plain(key): plain(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def plain_fields(declared: Any) -> None:
    """Makes the fields of a frozen dataclass plain."""
    for name, value in list(vars(declared).items()):
        object.__setattr__(declared, name, plain(value))


def plain_domain(domain: Any) -> None:
    """Makes the fields of a frozen domain plain. Raises SpaceError for a condition that is no
    dict."""
    plain_fields(domain)
    if not (domain.when is None or isinstance(domain.when, Mapping)):
        raise SpaceError(
            f"{type(domain).__name__}: when is {domain.when!r}; give a dict with the name and the "
            "value of another parameter, such as when={'optimizer': 'sgd'}"
        )


def json_key(value: object) -> str:
    """Equal for equal values. Unlike with `==`, 1, 1.0 and true are different; a tuple is like a
    list."""
    return json.dumps(value, sort_keys=True)


def is_json(value: object) -> bool:
    """Whether a value is unchanged after it was written as JSON and read. A member of an enum that
    is also a text, or a tuple with names, would be equal, but plain."""
    try:
        text = json.dumps(tagged(value), allow_nan=False)
        read = json.loads(text, object_hook=untagged)
        return bool(read == value) and repr(read) == repr(value)
    except (TypeError, ValueError, RecursionError):
        return False


def tagged(value: Any) -> Any:
    """The value for JSON; `untagged`, as the ``object_hook`` of `json.loads`, gives it back."""
    if isinstance(value, tuple):
        return {_TUPLE: [tagged(part) for part in value]}
    if isinstance(value, list):
        return [tagged(part) for part in value]
    if isinstance(value, Mapping):
        return {key: tagged(part) for key, part in value.items()}
    return value


def untagged(value: dict[str, Any]) -> Any:
    return tuple(value[_TUPLE]) if len(value) == 1 and _TUPLE in value else value
