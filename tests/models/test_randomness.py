"""The global random numbers of a worker."""

from __future__ import annotations

import json
import random

import numpy as np
import torch

from tune_jobs.models import randomness


def draws() -> tuple[float, ...]:
    return random.random(), np.random.random(), torch.rand(1).item()


def test_a_model_that_seeds_for_everybody_changes_nothing() -> None:
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    expected = draws()
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])
    with randomness.kept():
        random.seed(7)
        np.random.seed(7)
        torch.manual_seed(7)
    assert draws() == expected


def test_a_key_begins_a_stream_of_its_own() -> None:
    randomness.seed(3, 0)
    first = [draws() for _ in range(3)]
    randomness.seed(3, 1)
    other = draws()
    randomness.seed(3, 0)
    assert [draws() for _ in range(3)] == first
    assert not set(other) & set(first[0])


def test_the_states_are_json_and_go_on_exactly() -> None:
    np.random.normal()  # the second of a pair is kept for later
    states = json.loads(json.dumps(randomness.captured()))
    expected = [*draws(), np.random.normal()]
    draws()
    randomness.continued(states)
    assert [*draws(), np.random.normal()] == expected
