"""Hypothesis strategies of search spaces and learning curves."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tune_jobs.search_algos.conditions import at_least, at_most
from tune_jobs.search_algos.domains import Choice, Domain, Float, Int, Normal
from tune_jobs.search_algos.nested import nest
from tune_jobs.search_algos.space import Space
from tune_jobs.simulation.simulate import Curve, Epoch

_LETTERS = str.maketrans("0123456789", "abcdefghij")
_bounds = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 6))
_positive = st.floats(1e-8, 1e6).filter(lambda x: x > 0)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    if draw(st.booleans()):
        low, high = sorted(draw(st.tuples(_positive, _positive).filter(lambda p: p[0] != p[1])))
        return Float(low, high, log=True)
    low, high = sorted(draw(st.tuples(_bounds, _bounds).filter(lambda p: p[0] != p[1])))
    step = draw(st.none() | st.integers(1, 20).map(lambda n: round((high - low) / n, 6) or None))
    return Float(low, high, step=step)


@st.composite
def grids(draw: st.DrawFn) -> Float | Int:
    """Steps as a person would write them, of any size, on both scales."""
    log = draw(st.booleans())
    digit, places = draw(st.integers(1, 9)), draw(st.integers(1, 12))
    first = draw(st.integers(1 if log else -20, 20))
    if draw(st.booleans()):
        return Int(first * digit, (first + places) * digit, log=log, step=digit)
    power = draw(st.integers(-15, 6))
    low, high = (float(f"{n * digit}e{power}") for n in (first, first + places))
    return Float(low, high, log=log, step=float(f"{digit}e{power}"))


@st.composite
def normals(draw: st.DrawFn) -> Normal:
    mean, sd = draw(_bounds), draw(st.floats(1e-6, 1e6))
    return Normal(mean, sd, step=draw(st.none() | st.floats(0.05, 4).map(lambda part: part * sd)))


@st.composite
def ints(draw: st.DrawFn) -> Int:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -1000, 1000))
    high = low + draw(st.integers(1, 10_000))
    return Int(low, high, log=log, step=1 if log else draw(st.integers(1, 7)))


_plain = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
_values = _plain | st.tuples(_plain, _plain) | st.dictionaries(st.sampled_from("pq"), _plain)
choices = st.lists(_values, min_size=1, max_size=5, unique_by=repr).map(Choice)
domains: st.SearchStrategy[Domain] = st.one_of(floats(), grids(), ints(), normals(), choices)


@st.composite
def spaces(draw: st.DrawFn, constrained: bool = False) -> Space:
    """Up to five parameters, some of them active only for some values of an earlier one."""
    found: dict[str, Domain] = {}
    for name in draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True)):
        domain = draw(domains)
        if found and draw(st.booleans()):
            parent = draw(st.sampled_from(sorted(found)))
            domain = replace(domain, when={parent: draw(conditions(found[parent]))})
        found[name] = domain
    return Space(found, draw(constraints(found)) if constrained else ())


@st.composite
def conditions(draw: st.DrawFn, parent: Domain) -> Any:
    if isinstance(parent, Choice):
        wanted = draw(st.lists(st.sampled_from(parent.values), min_size=1, unique_by=repr))
        return tuple(wanted)
    bound = parent.from_unit(draw(st.floats(0, 1)))
    if isinstance(parent, Int) and draw(st.booleans()):
        return bound
    return draw(st.sampled_from([at_least, at_most]))(bound)


@st.composite
def constraints(draw: st.DrawFn, found: Mapping[str, Domain]) -> list[str]:
    """At most two, that leave something to search."""
    numbers = sorted(n for n, d in found.items() if not isinstance(d, Choice))
    texts: list[str] = []
    for name in draw(st.lists(st.sampled_from(numbers), max_size=2)) if numbers else []:
        other = draw(st.sampled_from(numbers))
        bounds = [found[n].from_unit(draw(st.floats(0.3, 1))) for n in (name, other)]
        joined = draw(st.sampled_from(["or", "and"]))
        texts.append(f"{name} <= {bounds[0]!r} {joined} not {other} > {bounds[1]!r}")
    return texts


@st.composite
def declared(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """The space and the constraints of a job: some parameters are in dicts, with plain values."""
    space = draw(spaces(constrained=True))
    groups = {name: draw(st.sampled_from(["", "g.", "g.h."])) for name in space}
    names = {name: f"{groups[name]}{name}" for name in space}
    found: dict[str, Any] = {
        names[name]: replace(domain, when={names[p]: w for p, w in domain.when.items()})
        if domain.when
        else domain
        for name, domain in space.items()
    }
    renamed = [_renamed(str(constraint), names) for constraint in space.constraints]
    outer = {part for prefix in groups.values() for part in _OUTER[prefix]}
    plain = {f"{group}.fixed": (1, {"x": None}) for group in sorted(outer)}
    return nest({**found, **plain}, outer), renamed


_OUTER = {"": (), "g.": ("g",), "g.h.": ("g", "g.h")}


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return " ".join(names.get(word, word) for word in text.split())


@st.composite
def curves(draw: st.DrawFn, nan: bool = True, deaths: bool = True) -> Curve:
    """Losses, sizes and durations that are functions of the config and the epoch; some trials
    diverge or die. Ties happen."""
    digits = draw(st.integers(0, 3))
    noise = draw(st.integers(0, 2**16))
    nan_share = draw(st.sampled_from([0.0, 0.2])) if nan else 0.0
    death_share = draw(st.sampled_from([0.0, 0.2])) if deaths else 0.0

    def curve(config: Mapping[str, Any], epoch: int) -> Epoch:
        def dice(salt: str) -> float:
            facts = f"{salt} {noise} {epoch} {sorted(config.items())}"
            return (zlib.crc32(facts.encode()) % 10_007) / 10_007

        if dice("death") < death_share:
            # In words of its own, since a run ends where all die of the same.
            raise RuntimeError(f"died of {sorted(config.items())}".translate(_LETTERS))
        loss = round(dice("loss") + 1 / epoch, digits)
        metrics = {
            "loss": math.nan if dice("nan") < nan_share else loss,
            "size": round(dice("size"), digits),
        }
        return Epoch(metrics, 0.5 + dice("time"))

    return curve
