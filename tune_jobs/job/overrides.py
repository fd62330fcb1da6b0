"""Command-line flags on top of a declared job."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from tune_jobs.errors import UserError, explain, nearest
from tune_jobs.job.search import Search
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import field_names, short_name
from tune_jobs.search_algos.domains import Choice, Domain, Int
from tune_jobs.search_algos.nested import flat, nest

S = TypeVar("S", bound=Search)


def override(job: S, fields: Mapping[str, Any], settings: Iterable[str] = ()) -> S:
    """The job with other fields, and with settings ``KEY=VALUE``.

    Args:
        fields: of the job; None means no change. Another searcher or scheduler starts with
            its default options.
        settings: ``learning_rate=0.01`` fixes a hyperparameter in every trial;
            ``scheduler.grace_period=3`` and ``searcher.gamma=0.2`` set options. A value is read
            as Python or JSON (``False``, ``null``, ``.5``, ``[1, 2]``), else it is a text.

    Raises UserError for a setting without ``=``, for a name that a training function does not get,
    for a value outside the hyperparameter's domain, and for values that the job refuses.
    """
    changes = {name: value for name, value in fields.items() if value is not None}
    for kind in ("searcher", "scheduler"):
        if changes.get(kind, getattr(job, kind)) != getattr(job, kind):
            changes[f"{kind}_options"] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not (key and equals):
            raise UserError(
                f"--set {setting!r} is not KEY=VALUE; give for example --set learning_rate=0.01"
            )
        owner, dot, option = key.partition(".")
        if dot and owner in ("searcher", "scheduler"):
            so_far = changes.get(f"{owner}_options", getattr(job, f"{owner}_options"))
            changes[f"{owner}_options"] = {**so_far, option: _value(text)}
            continue
        if dot and key not in job.flat and owner not in job.groups:
            raise UserError(
                f"--set {key!r}: options belong to 'searcher.' or 'scheduler.', and the space has "
                f"{', '.join(job.flat)}"
            )
        if key not in job.flat and owner not in job.groups and _is_of_a_function(job):
            raise UserError(
                f"--set {key!r}: a training function gets what is in the space, and this is not; "
                f"{nearest(key, job.flat)}"
            )
        so_far = flat(changes.get("space", job.space))
        value = _fixed(key, text, job.flat.get(key))
        changes["space"] = nest({**so_far, key: value}, job.groups)
    try:
        return dataclasses.replace(job, **changes)
    except ValidationError as error:
        raise explain(error, field_names(job)) from error


def job_of(model: Any, fields: Mapping[str, Any]) -> TuneJob:
    """A job of a model; without a name, it has the name of the model. Raises UserError for values
    that the job refuses."""
    name = model if isinstance(model, str) else short_name(model)
    named = {"name": re.sub(r"[^A-Za-z0-9_.-]+", "", name) or "job", **fields}
    try:
        return TuneJob(model=model, **named)
    except ValidationError as error:
        raise explain(error, field_names(TuneJob)) from error


def _is_of_a_function(job: Search) -> bool:
    """Whether no Config says which hyperparameters there are."""
    model = job.model if isinstance(job, TuneJob) else None
    return callable(model) and not isinstance(model, type)


def _fixed(name: str, text: str, domain: Any) -> Any:
    """The value of a hyperparameter. Raises UserError if it is not in the domain."""
    value = _value(text)
    if not isinstance(domain, Domain):
        return value
    for given in (value, text):  # a choice may only look like a number
        if domain.contains(given):
            return domain.value_at(domain.index(given)) if isinstance(domain, Choice) else given
    raise UserError(
        f"--set {name}={text}: in this job {name!r} must be {_words(domain)}, not {value!r}"
    )


def _words(domain: Domain) -> str:
    if isinstance(domain, Choice):
        return "one of " + ", ".join(map(repr, domain.values))
    kind = "a whole number" if isinstance(domain, Int) else "a number"
    return f"{kind} from {domain.low:g} to {domain.high:g}"


def _value(text: str) -> Any:
    for read in (ast.literal_eval, json.loads):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text
