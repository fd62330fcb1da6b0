"""What goes in and out of a program as text: its command line, and the lines that it prints."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple


class Measured(NamedTuple):
    """What a line says: metrics, and the name of the checkpoint that was written with them."""

    metrics: dict[str, float]
    checkpoint: str | None


def measured(line: str) -> Measured | None:
    """The metrics of a line, or None where it has none and is talk.

    Raises ValueError, whose text goes on from "the line", for an object that is broken.
    """
    try:
        content = json.loads(line)
    except ValueError as error:
        if not line.lstrip().startswith("{"):
            return None
        raise ValueError(
            f"is not JSON ({error}); what is not a number is written NaN or Infinity there"
        ) from None
    if _is_number(content):
        return Measured({"value": float(content)}, None)
    if not isinstance(content, dict):
        return None
    checkpoint = content.pop("checkpoint", None)
    if not isinstance(checkpoint, str | None):
        raise ValueError(f'has "checkpoint" as {checkpoint!r}; it is a name')
    for name, value in content.items():
        if not _is_number(value):
            raise ValueError(f"has {name!r} as {value!r}; a metric is a number")
    return Measured({name: float(value) for name, value in content.items()}, checkpoint)


def words(line: str, values: Mapping[str, Any]) -> list[str]:
    """A command line split as a shell does it, with ``values`` in the place of their ``{names}``.

    Raises ValueError for a line that cannot be split or has a name that is not there.
    """
    plain = {name: _plain(value) for name, value in values.items()}
    try:
        return [word.format_map(plain) for word in shlex.split(line)]
    except KeyError as error:
        raise ValueError(
            f"there is no {{{error.args[0]}}} but {', '.join(f'{{{name}}}' for name in plain)}; "
            "a hyperparameter with a condition is only in the file {config}, and a brace that is "
            "meant as such is written twice"
        ) from None
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"{error}; quotes come in pairs, and a brace that is meant as such is written twice"
        ) from None


def _plain(value: Any) -> Any:
    """Numbers, which may have a format behind a colon, and text as they are; all else as JSON."""
    is_plain = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    return value if is_plain else json.dumps(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
