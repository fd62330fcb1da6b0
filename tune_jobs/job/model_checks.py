"""Checks of a model before it trains: its methods, and the values that its Config accepts."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from tune_jobs.errors import UserError, complaints, nearest, own_line, shown, user_traceback
from tune_jobs.job.derived import whole
from tune_jobs.models.base import Model
from tune_jobs.models.nested import config_of
from tune_jobs.names import field_names, short_name
from tune_jobs.search_algos.derived import Derived
from tune_jobs.search_algos.space import Space

if TYPE_CHECKING:
    from tune_jobs.job.tune_job import TuneJob


def check_model(cls: type[Model]) -> type[Model]:
    """Returns the class. Raises UserError if it is not a complete model."""
    if missing := sorted(cls.__abstractmethods__):
        raise UserError(f"model {cls.__name__} does not define {', '.join(missing)}")
    for save, load in (("save", "load"), ("state_dict", "load_state_dict")):
        if _defines(cls, save) != _defines(cls, load):
            has, lacks = (save, load) if _defines(cls, save) else (load, save)
            raise UserError(f"model {cls.__name__} defines {has}, but not {lacks}; it needs both")
    if not (_defines(cls, "save") or _defines(cls, "state_dict")):
        raise UserError(
            f"model {cls.__name__} does not define state_dict and load_state_dict, so its trials "
            "could not be restored; define both, or save and load"
        )
    if not dataclasses.is_dataclass(getattr(cls, "Config", None)):
        raise UserError(
            f"model {cls.__name__} has no dataclass Config; write one with every hyperparameter "
            "and its default"
        )
    return cls


def _defines(cls: type[Model], method: str) -> bool:
    return getattr(cls, method) is not getattr(Model, method)


def check_call(field: str, function: Any, parameters: str) -> None:
    """Raises UserError if a function cannot be called with these parameters; None is nothing."""
    if function is None:
        return
    call = f"{short_name(function)}({parameters})"
    if not callable(function):
        raise UserError(f"{field} is {shown(function)}; give a function {field}({parameters})")
    if any(map(_is_async, (function, type(function).__call__))):
        raise UserError(
            f"{field} is {short_name(function)}, which is async; give a plain function, which may "
            "call asyncio.run(...)"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function that is not Python
        return
    try:
        signature.bind(*parameters.split(", "))
    except TypeError as error:
        raise UserError(
            f"{field} is {short_name(function)}{signature}, which cannot be called as {call}: "
            f"{error}; give other values by functools.partial"
        ) from None


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def structural_in(names: Iterable[str], model: type[Model]) -> frozenset[str]:
    """The names that the model calls structural, each by itself or by a dict that has it."""
    parts = {name: name.split(".") for name in names}
    return frozenset(
        name
        for name, path in parts.items()
        if any(".".join(path[:end]) in model.structural for end in range(1, len(path) + 1))
    )


def cloning_problems(scheduler: str, model: type[Model], changes: Collection[str]) -> list[str]:
    """Why a scheduler cannot clone trials into configs with these ``changes``."""
    if model.reconfigure is Model.reconfigure:
        return [
            f"{scheduler} clones trials into new configs; {model.__name__} must define "
            "reconfigure(config)"
        ]
    if fixed := sorted(structural_in(changes, model)):
        free = sorted(set(changes) - set(fixed))
        return [
            f"{scheduler} would change {', '.join(fixed)} in the middle of training, which "
            f"{model.__name__} cannot; give scheduler_options={{'perturb': {free}}}"
        ]
    return []


def config_problems(model: type[Model], job: TuneJob, space: Space) -> list[str]:
    """Names that the Config does not have; else values of the space that it refuses."""
    fields = field_names(model.Config)
    unknown = [
        f"the space has {name!r}, {model.__name__}.Config does not; {nearest(name, fields)}"
        for name in job.space
        if name not in fields and not _takes_any(model)
    ]
    if unknown:
        return unknown
    refusals = _refusals(model, job, space)
    values = [refusal for refusal in refusals if refusal and refusal.of_one_value]
    found = refusals if all(refusals) else values
    return sorted({refusal.text for refusal in found if refusal})


def refused_combinations(model: type[Model], job: TuneJob) -> list[str]:
    """Combinations of values that the Config refuses although it accepts others."""
    return sorted({refusal.text for refusal in _refusals(model, job, job.domains) if refusal})


class _Refusal(NamedTuple):
    text: str
    of_one_value: bool  # whatever the others are


def _refusals(model: type[Model], job: TuneJob, space: Space) -> list[_Refusal | None]:
    """The Config's answer to one config in the middle, and to each parameter at both ends, as far
    as the constraints allow them."""
    middle = space.decode([0.5] * len(space))
    configs = [middle] + [
        {**middle, name: value} for name in middle for value in space[name].extremes()
    ]
    configs = [config for config in configs if space.allows(config)]
    constants, derived, groups = job.constants(), job.derived, job.groups
    return [_refusal(model, {**constants, **c}, derived, groups) for c in configs]


def _takes_any(model: type[Model]) -> bool:
    settings: Mapping[str, Any] = getattr(model.Config, "__pydantic_config__", {})
    return settings.get("extra") == "allow"


def _refusal(
    model: type[Model],
    config: Mapping[str, Any],
    derived: Mapping[str, Derived],
    groups: Collection[str],
) -> _Refusal | None:
    """Why the Config does not accept these values, or None."""
    try:
        config_of(model.Config, whole(config, derived, groups))
    except ValidationError as error:
        field, value, wanted = complaints(error)[0]
        if field:
            text = f"{model.__name__}.Config refuses {field} = {value}: {wanted}"
            return _Refusal(text, of_one_value=True)
        return _Refusal(f"{model.__name__}.Config refuses {shown(dict(config))}: {wanted}", False)
    except Exception as error:
        said = str(error)
        if not isinstance(error, (TypeError, ValueError)):  # such as that of an `assert`
            place = own_line(user_traceback(error))
            said = f"{type(error).__name__}{said and f': {said}'} ({place})"
        text = f"{model.__name__}.Config refuses {shown(dict(config))}: {said}"
        return _Refusal(text, isinstance(error, TypeError))
    return None
