"""Converts Ray Tune's search domains to ours, and ours to Ray Tune's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ray import tune
from ray.tune.search import sample
from ray.tune.search.variant_generator import parse_spec_vars

from tune_jobs.search_algos.domains import Choice, Domain, Float, Int, Normal, SpaceError


def our_terms(values: Mapping[str, Any]) -> dict[str, Any]:
    """A `param_space` of `ray.tune.Tuner` with our domains, and dicts where it has some.

    Its values may also be our own domains. Raises SpaceError as `convert` does.
    """
    return {name: _plain_or_ours(name, value) for name, value in values.items()}


def _plain_or_ours(name: str, value: Any) -> Any:
    if isinstance(value, dict) and "grid_search" not in value:
        return {key: _plain_or_ours(f"{name}.{key}", part) for key, part in value.items()}
    _, domains, grids = parse_spec_vars({name: value})
    return convert(name, value) if domains or grids else value


def convert(name: str, value: Any) -> Domain:
    """One of Ray Tune's domains as ours.

    Ray's `randint` excludes its upper end, our Int includes it; Ray's quantized domains have the
    multiples of their step. Raises SpaceError for what has no counterpart.
    """
    match value:
        case {"grid_search": _}:
            raise SpaceError(f"{name!r} is tune.grid_search(...); give Choice([...]) instead")
        case sample.Categorical():
            return Choice(list(value.categories))
        case sample.Function():
            raise SpaceError(
                f"{name!r} is tune.sample_from(...), a function that nobody can search; compute "
                "the value in the model, or give a Float, Int or Choice, with when={...} if it "
                "depends on another, and constraints=[...] for what must hold between them"
            )
        case sample.Float() | sample.Integer():
            return _number(value)
    raise SpaceError(f"{name!r} is {value!r}, which has no counterpart; use Float, Int, Choice")


def _number(value: Any) -> Domain:
    sampler: Any = value.sampler
    step = None
    if isinstance(sampler, sample.Quantized):
        sampler, step = sampler.sampler, sampler.q
    log = isinstance(sampler, sample.LogUniform)
    if isinstance(sampler, sample.Normal):
        return Normal(sampler.mean, sampler.sd, step=step)
    if isinstance(value, sample.Float):
        return Float(value.lower, value.upper, log=log, step=step)
    if step in (None, 1):
        # Quantized ranges have their upper end in Ray too.
        return Int(value.lower, value.upper - 1, log=log)
    return Int(-(-value.lower // step) * step, value.upper // step * step, log=log, step=step)


def to_ray(name: str, domain: Domain) -> Any:
    """The inverse of `convert`. Raises SpaceError for steps that Ray does not have: its grids go
    through zero, ours start at ``low``."""
    match domain:
        case Choice(values):
            return tune.choice(list(values))
        case Normal(mean, sd, step):
            return tune.randn(mean, sd) if step is None else tune.qrandn(mean, sd, step)
        case Float(low, high, log, None):
            return tune.loguniform(low, high) if log else tune.uniform(low, high)
        case Int(low, high, log, 1):
            return tune.lograndint(low, high + 1) if log else tune.randint(low, high + 1)
    grid: Any = domain.step
    if not math.isclose(domain.low / grid, round(domain.low / grid)):
        raise SpaceError(
            f"{name!r} is {domain}; for a searcher of Ray Tune's, low must be a multiple of step"
        )
    make: Any = {
        (Float, False): tune.quniform,
        (Float, True): tune.qloguniform,
        (Int, False): tune.qrandint,
        (Int, True): tune.qlograndint,
    }[type(domain), domain.log]
    return make(*domain.extremes(), grid)
