"""What builds the models of a run, in the form in which workers get it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from types import FunctionType, ModuleType
from typing import Any

import ray.cloudpickle

from tune_jobs.errors import UserError
from tune_jobs.job.building import Builder
from tune_jobs.job.code import plain_name, stands_in_its_file
from tune_jobs.job.search import Search
from tune_jobs.models.base import Model
from tune_jobs.names import name_of

_CODE = (type, FunctionType, ModuleType, Search)
_CACHED = type(lru_cache(len))


def packed(builder: Builder) -> bytes:
    """The builder, with the model's class by its name; or, if no worker can import it, the whole
    class with the globals of its file that its code uses.

    Raises UserError, which names them, if some of these globals cannot be sent to another process.
    """
    model = builder.model
    module = sys.modules[model.__module__]
    for name, loaded in list(sys.modules.items()):
        if stands_in_its_file(f"{name}:") and name != "__main__":  # which is by value anyway
            ray.cloudpickle.register_pickle_by_value(loaded)
    try:
        return _pickled(builder)
    except Exception as error:
        found = _that_cannot_be_sent(module)
        if not found:
            raise UserError(f"{_of(model)} cannot be sent to the workers: {error}") from error
        names = ", ".join(f"{name!r} ({type(value).__name__})" for name, value in found.items())
        raise UserError(
            f"{_of(model)} cannot be sent to the workers: it uses {names} at the top level of "
            "its file, which exists in one process only; create it in the model's __init__, or "
            "move the model into a module of its own, which the workers can import"
        ) from error


def unpacked(sent: bytes) -> Builder:
    """The builder in a worker. Code of the job's file can then be pickled there, for a pool of
    processes that a model starts."""
    builder: Builder = ray.cloudpickle.loads(sent)
    name = builder.model.__module__
    if stands_in_its_file(f"{name}:"):
        module = sys.modules.setdefault(name, ModuleType(name))
        for found in _globals_of(builder.model):
            vars(module).update({**found, **vars(module)})
        if name != "__main__":  # which is by value anyway
            ray.cloudpickle.register_pickle_by_value(module)
    return builder


def _globals_of(model: type[Model]) -> Iterator[dict[str, Any]]:
    """Those of the functions of its class; of a training function, those of itself."""
    for value in vars(model).values():
        code = getattr(value, "__func__", value)
        code = getattr(code, "func", code)  # of a functools.partial
        for function in (code, type(code).__call__):
            if getattr(function, "__module__", None) == model.__module__:
                yield getattr(function, "__globals__", {})


class _Pickler(ray.cloudpickle.CloudPickler):
    """Sends a cached function with its code where any other function would go with its code."""

    def reducer_override(self, found: Any) -> Any:
        if isinstance(found, _CACHED) and (
            stands_in_its_file(f"{found.__module__}:") or "<" in found.__qualname__
        ):
            return _cached, (found.__wrapped__, found.cache_parameters())
        return super().reducer_override(found)


def _pickled(value: Any) -> bytes:
    file = BytesIO()
    _Pickler(file).dump(value)
    return file.getvalue()


def _cached(function: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    return lru_cache(**parameters)(function)


def with_data(function: Callable[..., Any], **data: Any) -> Callable[..., Any]:
    """The training function, which gets these arguments too. A worker reads them from Ray's object
    store, where all workers of a machine share one copy."""
    from ray import tune  # here, so that Ray starts before

    return tune.with_parameters(function, **data)  # type: ignore[no-any-return]


def _of(model: type[Model]) -> str:
    return f"model {plain_name(name_of(model))!r}"


def _that_cannot_be_sent(module: ModuleType) -> dict[str, Any]:
    """The globals of a file that are not code and cannot be pickled."""
    found = {}
    for name, value in vars(module).items():
        if name.startswith("__") or isinstance(value, _CODE):
            continue
        try:
            _pickled(value)
        except Exception:
            found[name] = value
    return found
