"""Names in a job, such as ``"asha"`` or ``"my_module:MyModel"``, and their classes."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Mapping
from operator import attrgetter
from pkgutil import resolve_name
from typing import Any, TypeVar, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from tune_jobs.errors import UserError, complaints, nearest, user_traceback

T = TypeVar("T")

RAY_TUNE = "ray.tune:"
"""Prefix for the names of Ray Tune's own objects."""

_ONCE_OURS = ("models.", "search_algos.")
"""Prefixes that our modules had before they moved into `tune_jobs`."""


def find_class(name: Any, base: type[T], registry: Mapping[str, str]) -> type[T]:
    """The class for a registered name or for ``module:Class``; a class stays itself.

    Raises UserError for a name that is neither, for a module that cannot be imported (with the
    part of the traceback that lies in user code), and for a class not derived from ``base``.
    """
    kind = base.__name__.lower()
    found = find(kind, name, registry)
    if not isinstance(found, type) or not issubclass(found, base):
        wanted = f"{base.__module__}.{base.__name__}"
        raise UserError(f"{kind} {name_of(name)!r} must be a class derived from {wanted}")
    return found


def find(kind: str, name: Any, registry: Mapping[str, str]) -> Any:
    """The object for a registered name or for ``module:name``; what is no text stays itself.

    Raises UserError as `find_class` does.
    """
    return _resolve(kind, name, registry) if isinstance(name, str) else name


def is_function(reference: Any) -> bool:
    """Whether it can be called and is not a class: a function, or a `functools.partial`."""
    return callable(reference) and not isinstance(reference, type)


def module_of(code: Any) -> str:
    """The name of the module of a class or function; of a `functools.partial`, of what it calls."""
    return str(getattr(getattr(code, "func", code), "__module__", ""))


def short_name(code: Any) -> str:
    """The name of a class or function in its module; of a `functools.partial`, of what it calls."""
    inner = getattr(code, "func", code)
    return str(getattr(inner, "__qualname__", type(inner).__qualname__))


def has_its_name(name: str) -> bool:
    """Whether code can be found by its name; if not, it stands only in the declaration of a job: a
    lambda, a function made by a function, a `functools.partial`, an object that can be called, a
    method of an object, something made by Ray Tune."""
    return "<" not in name and not name.startswith(RAY_TUNE)


def name_of(reference: Any) -> str:
    """A name as it is in a job; for a class or function ``module:name``.

    An object of Ray Tune is ``ray.tune:Class``.
    """
    if isinstance(reference, type):
        return f"{reference.__module__}:{reference.__qualname__}"
    if is_function(reference):
        module, name = module_of(reference), short_name(reference)
        if f"{module}.".startswith("ray.tune."):
            return f"{RAY_TUNE}{reference.__name__}"
        return f"{module}:{_mark_of(reference, module, name)}{name}"
    if is_from_ray_tune(reference):
        cls = type(reference)
        return f"{RAY_TUNE if _is_in_ray_tune(cls) else f'{cls.__module__}:'}{cls.__qualname__}"
    return str(reference)


def _mark_of(reference: Any, module: str, name: str) -> str:
    """What stands before a name under which something else is found, or nothing."""
    if hasattr(reference, "func"):
        return "<partial>."
    try:
        is_it = attrgetter(name)(sys.modules[module]) is reference
    except (AttributeError, KeyError):
        is_it = False
    return "" if is_it or "<" in name else "<object>."


def is_from_ray_tune(reference: Any) -> bool:
    """Whether it is an object of a class of Ray Tune, or of one derived from it."""
    return not isinstance(reference, type) and any(map(_is_in_ray_tune, type(reference).__mro__))


def _is_in_ray_tune(cls: type) -> bool:
    return f"{cls.__module__}.".startswith("ray.tune.")


def _resolve(kind: str, name: str, registry: Mapping[str, str]) -> Any:
    target = name if ":" in name else registry.get(name)
    if target is None:
        own = ", or give module:Class" if "." in name else ""
        raise UserError(f"{kind} {name!r} is unknown; {nearest(name, registry)}{own}")
    try:
        return _imported(target)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(f"{kind} {name!r} cannot be imported: {error}") from error
    except Exception as error:
        raise UserError(f"{kind} {name!r} cannot be imported:\n{user_traceback(error)}") from error


def _imported(target: str) -> Any:
    """The object at ``module:Class``. An old name of one of our modules works too, unless the user
    has a module of that name."""
    try:
        return resolve_name(target)
    except ModuleNotFoundError as error:
        module = target.partition(":")[0]
        if not module.startswith(_ONCE_OURS) or not f"{module}.".startswith(f"{error.name}."):
            raise
        try:
            return resolve_name(f"tune_jobs.{target}")
        except ModuleNotFoundError:
            raise error from None


def checked_options(owner: str, cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options, converted to the types of the constructor.

    Raises UserError for an option that is not a keyword-only parameter, or not of its type.
    """
    options = option_names(cls)
    for name in given:
        if name not in options:
            hint = nearest(name, options) if options else "it has none"
            raise UserError(f"{owner} has no option {name!r}; {hint}")
    try:
        hints = get_type_hints(cls.__init__)  # type: ignore[misc]  # of the class as it is
    except NameError:  # imported for type checkers only
        hints = {}
    return {name: _as(hints.get(name, Any), f"{owner}: {name}", v) for name, v in given.items()}


def _as(hint: Any, what: str, value: Any) -> Any:
    try:
        adapter = TypeAdapter(hint)
    except PydanticUserError:  # a type that only its own class can check
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        where, given, wanted = complaints(error)[0]
        part = f"[{where}]" if where else ""
        raise UserError(f"{what}{part} is {given}; {wanted}") from error


def option_names(cls: type) -> list[str]:
    """The keyword-only parameters of a class' constructor."""
    parameters = inspect.signature(cls).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def field_names(declaration: Any) -> list[str]:
    """The fields of a dataclass."""
    return [field.name for field in dataclasses.fields(declaration)]
