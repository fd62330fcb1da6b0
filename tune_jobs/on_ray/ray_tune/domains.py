"""Converts Ray Tune's search domains to ours, and ours to Ray Tune's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ray import tune
from ray.tune.search import sample
from ray.tune.search.variant_generator import parse_spec_vars

from tune_jobs.search_algos.domains import Choice, Domain, Float, Int, SpaceError
from tune_jobs.search_algos.space import Config, Space, split


def split_param_space(values: Mapping[str, Any]) -> tuple[Space, Config]:
    """The domains and the plain values of a `param_space` of `ray.tune.Tuner`.

    Its values may also be our own domains. Raises SpaceError as `convert` does.
    """
    return split({name: _plain_or_ours(name, value) for name, value in values.items()})


def _plain_or_ours(name: str, value: Any) -> Any:
    _, domains, grids = parse_spec_vars({name: value})
    return convert(name, value) if domains or grids else value


def convert(name: str, value: Any) -> Domain:
    """`tune.uniform`, `loguniform`, `quniform`, `randint`, `lograndint`, `qrandint`, `choice`.

    Ray's `randint` excludes its upper end, our Int includes it. Raises SpaceError for domains
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


def to_ray(name: str, domain: Domain) -> Any:
    """The inverse of `convert`. Raises SpaceError for steps that Ray does not have: its grids go
    through zero, ours start at ``low``."""
    match domain:
        case Choice(values):
            return tune.choice(list(values))
        case Float(low, high, log, None):
            return tune.loguniform(low, high) if log else tune.uniform(low, high)
        case Int(low, high, log, 1):
            return tune.lograndint(low, high + 1) if log else tune.randint(low, high + 1)
    step: Any = domain.step
    if not math.isclose(domain.low / step, round(domain.low / step)):
        raise SpaceError(
            f"{name!r} is {domain}; for a searcher of Ray Tune's, low must be a multiple of step"
        )
    make: Any = tune.quniform if isinstance(domain, Float) else tune.qrandint
    return make(*domain.extremes(), step)
