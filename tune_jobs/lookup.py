"""Names in a job, such as ``"asha"`` or ``"my_module:MyModel"``, and the classes they mean."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from pkgutil import resolve_name
from typing import Any

from tune_jobs.errors import UserError, nearest


def find_class(kind: str, name: Any, registry: Mapping[str, str]) -> Any:
    """The class registered under ``name`` or standing at ``module:Class``; a class is itself.

    Raises UserError for a name that is neither. What a module raises on import passes through.
    """
    if not isinstance(name, str):
        return name
    target = name if ":" in name else registry.get(name)
    if target is None:
        raise UserError(f"{kind} {name!r} is unknown; {nearest(name, registry)}")
    try:
        return resolve_name(target)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(f"{kind} {name!r} cannot be imported: {error}") from error


def check_options(owner: str, cls: type, given: Iterable[str]) -> None:
    """Raises UserError for an option that is not a keyword-only parameter of the constructor."""
    parameters = inspect.signature(cls).parameters.values()
    options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for name in given:
        if name not in options:
            hint = nearest(name, options) if options else "it has none"
            raise UserError(f"{owner} has no option {name!r}; {hint}")


def field_names(declaration: Any) -> list[str]:
    """The fields of a dataclass."""
    return [field.name for field in dataclasses.fields(declaration)]
