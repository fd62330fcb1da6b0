"""The global random numbers of Python, numpy and torch: the only file that touches them.

A model of a user draws from them, in a `DataLoader(shuffle=True)` or a dropout, and in a worker
other models have drawn before.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


def seed(*key: int) -> None:
    """Starts the streams of the libraries that are imported anew, at a place that ``key`` gives."""
    words = np.random.SeedSequence([abs(k) for k in key]).generate_state(3)
    python, numpy, torch = map(int, words)
    random.seed(python)
    np.random.seed(numpy)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(torch)  # on every GPU too


def captured() -> dict[str, Any]:
    """The states of the libraries that are imported: lists and numbers, for JSON."""
    states: dict[str, Any] = {"random": random.getstate()}
    kind, keys, *rest = np.random.get_state(legacy=True)
    states["numpy"] = [kind, np.asarray(keys).tolist(), *rest]
    if torch := sys.modules.get("torch"):
        states["torch"] = torch.get_rng_state().tolist()
        if torch.cuda.is_initialized():
            states["cuda"] = [state.tolist() for state in torch.cuda.get_rng_state_all()]
    return states


def continued(states: dict[str, Any]) -> None:
    """Sets the states that were captured, also after they were JSON."""
    version, internal, gauss = states["random"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(states["numpy"]))
    if "torch" in states:
        import torch

        torch.set_rng_state(_bytes(states["torch"]))
        if "cuda" in states and torch.cuda.device_count() == len(states["cuda"]):
            torch.cuda.set_rng_state_all([_bytes(state) for state in states["cuda"]])


@contextmanager
def kept() -> Iterator[None]:
    """Inside, code may draw random numbers and set seeds; afterwards nothing shows it."""
    states = captured()
    try:
        yield
    finally:
        continued(states)


def _bytes(state: list[int]) -> Any:
    import torch

    return torch.tensor(state, dtype=torch.uint8)
