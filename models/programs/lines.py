"""A program's input and output as text: its command line and the lines that it prints."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple


class Measured(NamedTuple):
    """The content of a line: metrics, and the name of the checkpoint that belongs to them."""

    metrics: dict[str, float]
    checkpoint: str | None


def measured(line: str) -> Measured | None:
    """The metrics of a line, or None if it has none.

    Raises ValueError, with a text that continues "the line", for a broken object.
    """
    try:
        content = json.loads(line)
    except ValueError as error:
        if not line.lstrip().startswith("{"):
            return None
        raise ValueError(
            f"is not JSON ({error}); write a number that is not finite as NaN or Infinity"
        ) from None
    if _is_number(content):
        return Measured({"value": float(content)}, None)
    if not isinstance(content, dict):
        return None
    checkpoint = content.pop("checkpoint", None)
    if not isinstance(checkpoint, str | None):
        raise ValueError(f'has "checkpoint" as {checkpoint!r}; it must be a name')
    for name, value in content.items():
        if not _is_number(value):
            raise ValueError(f"has {name!r} as {value!r}; a metric must be a number")
    return Measured({name: float(value) for name, value in content.items()}, checkpoint)


def words(line: str, values: Mapping[str, Any]) -> list[str]:
    """A command line, split as by a shell, with ``values`` in place of their ``{names}``.

    Raises ValueError if the line cannot be split or names something unknown.
    """
    plain = {name: _plain(value) for name, value in values.items()}
    try:
        return [word.format_map(plain) for word in shlex.split(line)]
    except KeyError as error:
        raise ValueError(
            f"there is no {{{error.args[0]}}}, only {', '.join(f'{{{name}}}' for name in plain)}; "
            "a hyperparameter with a condition is only in the file {config}; write a plain brace "
            "twice"
        ) from None
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{error}; close every quote, and write a plain brace twice") from None


def _plain(value: Any) -> Any:
    """Numbers and texts as they are, numbers also with a format after a colon; the rest as JSON."""
    is_plain = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    return value if is_plain else json.dumps(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
