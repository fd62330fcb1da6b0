"""Hypothesis strategies of search spaces and learning curves."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tune_jobs.search_algos.domains import Choice, Domain, Float, Int
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
def ints(draw: st.DrawFn) -> Int:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -1000, 1000))
    high = low + draw(st.integers(1, 10_000))
    return Int(low, high, log=log, step=1 if log else draw(st.integers(1, 7)))


_values = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3)
choices = st.lists(_values, min_size=1, max_size=5, unique_by=repr).map(Choice)
domains: st.SearchStrategy[Domain] = st.one_of(floats(), ints(), choices)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Up to five parameters, some of them active only for some values of an earlier choice."""
    found: dict[str, Domain] = {}
    for name in draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True)):
        domain = draw(domains)
        parents = [n for n, d in found.items() if isinstance(d, Choice)]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            values = found[parent].values
            wanted = draw(st.lists(st.sampled_from(values), min_size=1, unique_by=repr))
            domain = replace(domain, when={parent: tuple(wanted)})
        found[name] = domain
    return Space(found)


@st.composite
def curves(draw: st.DrawFn, nan: bool = True, deaths: bool = True) -> Curve:
    """Losses and durations that are functions of the config and the epoch; some trials diverge
    or die. Ties happen."""
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
        return Epoch({"loss": math.nan if dice("nan") < nan_share else loss}, 0.5 + dice("time"))

    return curve
