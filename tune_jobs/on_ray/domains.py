"""Ray Tune's search domains, as ours."""

from __future__ import annotations

from typing import Any

from ray.tune.search import sample

from search_algos.domains import Choice, Domain, Float, Int, SpaceError


def convert(name: str, value: Any) -> Domain:
    """`tune.uniform`, `loguniform`, `quniform`, `randint`, `lograndint`, `qrandint`, `choice`.

    Ray's `randint` leaves its upper end out, and ours has it. Raises SpaceError for domains
    without a counterpart.
    """
    if isinstance(value, dict):
        if "grid_search" in value:
            raise SpaceError(f"{name!r} is tune.grid_search(...); give Choice([...]) instead")
        raise SpaceError(f"{name!r} is a dict; a space is flat: one name, one value")
    if isinstance(value, sample.Categorical):
        return Choice(list(value.categories))
    if not isinstance(value, (sample.Float, sample.Integer)):
        raise SpaceError(f"{name!r} is {value!r}, which has no counterpart; use Float, Int, Choice")
    sampler: Any = value.sampler
    step = None
    if isinstance(sampler, sample.Quantized):
        sampler, step = sampler.sampler, sampler.q
    log = isinstance(sampler, sample.LogUniform)
    if isinstance(sampler, sample.Normal) or (log and step not in (None, 1)):
        raise SpaceError(
            f"{name!r} is {type(value).__name__}.{type(sampler).__name__} with steps of {step}, "
            "which has no counterpart; give Float(low, high) or Float(low, high, log=True)"
        )
    if isinstance(value, sample.Float):
        return Float(value.lower, value.upper, log=log, step=step)
    # Quantized ranges have their upper end in Ray too.
    high = value.upper - 1 if step in (None, 1) else value.upper
    return Int(value.lower, high, log=log, step=step or 1)
