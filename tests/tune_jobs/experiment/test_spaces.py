"""Any space that can be declared: nested, constrained, with steps and conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from runs import Recorded, simulated, tiny_job
from strategies import curves, declared

from tune_jobs.experiment.facts import (
    Fact,
    Reported,
    RunResumed,
    Suggested,
    TrialResumed,
    from_json,
    to_json,
)
from tune_jobs.search_algos.base import generator
from tune_jobs.search_algos.decisions import Exploit
from tune_jobs.search_algos.domains import SpaceError
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.search_algos.space import Config
from tune_jobs.simulation.simulate import Curve

PAIRS = [(searcher, "asha") for searcher in sorted(SEARCHERS)] + [
    ("random", scheduler) for scheduler in sorted(SCHEDULERS) if scheduler != "asha"
]


@pytest.mark.parametrize(("searcher", "scheduler"), PAIRS)
@settings(max_examples=12)
@given(found=declared(), curve=curves(), cut=st.integers(0, 10_000))
def test_every_config_is_in_its_space_and_a_cut_run_goes_on_as_if_never_stopped(
    searcher: str, scheduler: str, found: tuple[dict[str, Any], list[str]], curve: Curve, cut: int
) -> None:
    space, constraints = found
    job = {"space": space, "constraints": constraints, "num_samples": 6, "max_epochs": 9}
    domains = tiny_job(**job).domains
    try:
        domains.sample(generator("test", 0))
        whole = run_of(searcher, scheduler, curve, job)
    except SpaceError:  # the constraints leave nothing, or the grid is too large for them
        reject()
    assert all(domains.contains(config) for config in configs(whole))
    read = [from_json(to_json(fact)) for fact in whole.facts]
    assert untimed(read) == untimed(whole.facts)
    resumed = run_of(searcher, scheduler, curve, job, read[: 1 + cut % len(read)])
    assert untimed(resumed.facts) == untimed(whole.facts)


def run_of(
    searcher: str,
    scheduler: str,
    curve: Curve,
    job: dict[str, Any],
    facts: list[Fact] | None = None,
) -> Recorded:
    options = {"points": 2} if searcher == "grid" else {}
    options |= {"n_startup_jobs": 3} if searcher == "hyperopt" else {}
    return simulated(
        curve=curve,
        searcher=searcher,
        searcher_options=options,
        scheduler=scheduler,
        facts=facts or [],
        **job,
    )


def configs(run: Recorded) -> list[Config]:
    found = []
    for fact in run.facts:
        match fact:
            case Suggested():
                found.append(fact.config)
            case TrialResumed(exploit=Exploit(config=config)):
                found.append(config)
            case Reported(decision=Exploit(config=config)):
                found.append(config)
    return found


def untimed(facts: list[Fact]) -> list[str]:
    """As text, since NaN is not equal to itself; without what a resume adds."""
    facts = [fact for fact in facts if not isinstance(fact, RunResumed)]
    return [repr({**vars(fact), "time": None}) for fact in facts]
