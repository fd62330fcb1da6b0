from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import simulated
from strategies import curves, spaces

from tune_jobs.experiment.facts import Suggested, TrialResumed
from tune_jobs.search_algos.decisions import Continue, Exploit, Pause
from tune_jobs.search_algos.domains import Choice, Float, Int, SpaceError
from tune_jobs.search_algos.schedulers.pbt import PBT
from tune_jobs.search_algos.space import Space
from tune_jobs.simulation.simulate import Curve, Epoch

SPACE = Space(
    {
        "rate": Float(1e-4, 1, log=True),
        "dropout": Float(0, 1),
        "layers": Int(1, 9),
        "kind": Choice(["a", "b"]),
    }
)
CONFIG = {"rate": 0.01, "dropout": 0.5, "layers": 5, "kind": "a"}


def pbt(**options: Any) -> PBT:
    return PBT(9, SPACE, 0, **options)


def compared(scheduler: PBT, losses: list[float]) -> list[TrialResumed]:
    """What becomes of a population that reaches the barrier with these losses."""
    for trial_id in range(len(losses)):
        scheduler.on_start(trial_id, {**CONFIG, "rate": 10.0 ** -(1 + trial_id % 4)})
    for trial_id, loss in enumerate(losses):
        assert scheduler.on_report(trial_id, 3, loss) == Pause()
    released = []
    while (resume := scheduler.next_to_resume(exhausted=True)) is not None:
        released.append(resume)
        scheduler.on_resume(resume.trial_id)
    return released


def test_the_worst_quarter_becomes_copies_of_the_best_quarter_first_of_all() -> None:
    released = compared(pbt(), [5, 1, 7, 2, 8, 3, 6, 4])
    assert [resume.trial_id for resume in released] == [2, 4, 1, 3, 5, 7, 0, 6]
    for resume in released[:2]:
        assert resume.exploit is not None
        assert resume.exploit.source in (1, 3)
    assert not any(resume.exploit for resume in released[2:])


def test_nobody_goes_on_before_all_have_come() -> None:
    scheduler = pbt()
    for trial_id in range(4):
        scheduler.on_start(trial_id, CONFIG)
    for trial_id in range(3):
        scheduler.on_report(trial_id, 3, 1.0)
    assert scheduler.next_to_resume(exhausted=True) is None
    scheduler.on_end(3)  # it failed, and must not be waited for
    assert scheduler.next_to_resume(exhausted=False) is None, "more members may come"
    assert scheduler.next_to_resume(exhausted=True) is not None


def test_between_comparisons_and_at_the_end_trials_go_on() -> None:
    scheduler = pbt(perturbation_interval=3)
    scheduler.on_start(0, CONFIG)
    kinds = [scheduler.on_report(0, epoch, 1.0).kind for epoch in range(1, 10)]
    assert kinds == ["continue", "continue", "pause"] * 2 + ["continue"] * 3


@settings(max_examples=30)
@given(space=spaces(), seed=st.integers(0, 99))
def test_explored_configs_are_in_the_space(space: Space, seed: int) -> None:
    import numpy as np

    rng = np.random.default_rng(seed)
    scheduler = PBT(9, space, seed)
    for trial_id in range(6):
        scheduler.on_start(trial_id, space.sample(rng))
    for trial_id in range(6):
        scheduler.on_report(trial_id, 3, float(trial_id))
    exploits = []
    while (resume := scheduler.next_to_resume(exhausted=True)) is not None:
        scheduler.on_resume(resume.trial_id)
        exploits += [resume.exploit] if resume.exploit else []
    assert len(exploits) == 2
    assert all(space.contains(exploit.config) for exploit in exploits)


def test_perturbing_multiplies_on_a_log_scale_and_shifts_on_a_linear_one() -> None:
    released = compared(pbt(resample_probability=0.0), [1, 2, 3, 4, 5, 6, 7, 8])
    exploits = [resume.exploit for resume in released if resume.exploit]
    assert len(exploits) == 2
    for exploit in exploits:
        donor_rate = 10.0 ** -(1 + exploit.source % 4)
        assert exploit.config["rate"] == pytest.approx(donor_rate * 0.8) or exploit.config[
            "rate"
        ] == pytest.approx(donor_rate * 1.2)
        assert exploit.config["dropout"] in (pytest.approx(0.4), pytest.approx(0.6))
        assert exploit.config["kind"] == "a"


def test_a_whole_number_moves_as_easily_up_as_down() -> None:
    space = Space({"units": Int(16, 128)})
    found = set()
    for seed in range(20):
        scheduler = PBT(9, space, seed, resample_probability=0.0)
        for trial_id in range(2):
            scheduler.on_start(trial_id, {"units": 72})
        for trial_id in range(2):
            scheduler.on_report(trial_id, 3, float(trial_id))
        resume = scheduler.next_to_resume(exhausted=True)
        assert resume is not None
        assert resume.exploit is not None
        found.add(resume.exploit.config["units"])
    assert found == {72 - 11, 72 + 11}


NUMBERS = [
    *(Int(1, 4), Int(1, 6), Int(1, 8), Int(1, 10), Int(2, 5), Int(0, 1), Int(-3, 3)),
    *(Int(1, 8, log=True), Int(1, 64, log=True), Int(1, 1000, log=True), Int(1, 2, log=True)),
    *(Int(16, 256, step=16), Int(32, 128, step=32), Int(0, 1_000_000, step=250_000)),
    *(Float(0, 1, step=0.25), Float(0.1, 0.5, step=0.1), Float(-1, 1, step=2), Float(0, 1, step=1)),
    *(Float(1e-5, 1e-1, log=True), Float(0, 1e-9), Float(-1e6, 1e6)),
]


@pytest.mark.parametrize("domain", NUMBERS, ids=str)
@pytest.mark.parametrize("factors", [(0.8, 1.2), (0.99, 1.01), (0.5, 2.0)], ids=str)
def test_a_perturbation_moves_every_number_both_ways_while_there_is_room(
    domain: Float | Int, factors: tuple[float, float]
) -> None:
    low, high = domain.extremes()
    middle = domain.from_unit(0.5)
    values = (
        [domain.value_at(place) for place in range(min(domain.size, 10))] if domain.size else []
    )
    for value in [low, middle, high, *values]:
        found = perturbed(domain, value, factors)
        assert all(domain.contains(other) for other in found)
        assert (min(found) < value) == (value > low)
        assert (max(found) > value) == (value < high)


def perturbed(domain: Float | Int, value: float, factors: tuple[float, float]) -> set[float]:
    """What becomes of a value in the clones of it that twenty seeds make."""
    found = set()
    for seed in range(20):
        scheduler = PBT(
            9, Space({"n": domain}), seed, resample_probability=0.0, perturbation_factors=factors
        )
        for trial_id in range(2):
            scheduler.on_start(trial_id, {"n": value})
        for trial_id in range(2):
            scheduler.on_report(trial_id, 3, float(trial_id))
        resume = scheduler.next_to_resume(exhausted=True)
        assert resume is not None
        assert resume.exploit is not None
        found.add(resume.exploit.config["n"])
    return found


def test_what_a_model_cannot_change_is_kept_unless_it_is_named() -> None:
    scheduler = pbt(resample_probability=1.0)
    scheduler.fixed = frozenset({"layers", "kind"})
    assert scheduler.changes == {"rate", "dropout"}
    for resume in compared(scheduler, [1, 2, 3, 4]):
        if resume.exploit:
            assert resume.exploit.config["layers"] == CONFIG["layers"]
            assert resume.exploit.config["kind"] == CONFIG["kind"]
    scheduler = pbt(perturb=["layers"])
    scheduler.fixed = frozenset({"layers"})
    assert scheduler.changes == {"layers"}, "which the checks of a job refuse"


def test_only_what_may_change_does() -> None:
    scheduler = pbt(perturb=["rate"], resample_probability=1.0)
    assert scheduler.changes == {"rate"}
    for resume in compared(scheduler, [1, 2, 3, 4]):
        if resume.exploit:
            unchanged = {k: v for k, v in resume.exploit.config.items() if k != "rate"}
            assert unchanged == {k: v for k, v in CONFIG.items() if k != "rate"}


@settings(max_examples=20)
@given(curve=curves(), few=st.integers(1, 3), many=st.integers(4, 8))
def test_the_outcome_does_not_depend_on_the_number_of_workers(
    curve: Curve, few: int, many: int
) -> None:
    def histories(workers: int) -> list[tuple[Any, ...]]:
        run = simulated(
            scheduler="pbt", searcher="random", curve=curve, workers=workers, num_samples=8
        )
        return sorted(
            (fact.trial_id, fact.epoch, repr(fact.metrics), repr(fact.decision))
            for fact in run.reports
        )

    assert histories(few) == histories(many)


def test_the_first_population_comes_from_the_searcher() -> None:
    run = simulated(scheduler="pbt", searcher="odd_searchers:Three", curve=constant)
    configs = [fact.config for fact in run.facts if isinstance(fact, Suggested)]
    assert configs == [{"x": 0.1}, {"x": 0.2}, {"x": 0.3}]
    assert any(isinstance(fact, TrialResumed) and fact.exploit for fact in run.facts)


def constant(config: Any, epoch: int) -> Epoch:
    return Epoch({"loss": config["x"]}, 1.0)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"perturbation_interval": 0}, "perturbation_interval is 0"),
        ({"quantile_fraction": 0.6}, "quantile_fraction is 0.6"),
        ({"resample_probability": -1}, "resample_probability is -1"),
        ({"perturbation_factors": (0, 1.2)}, "perturbation_factors is"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        pbt(**options)


def test_a_name_that_is_not_in_the_space_is_named() -> None:
    with pytest.raises(SpaceError, match=r"'lr'; the space has rate, dropout, layers, kind"):
        pbt(perturb=["lr"])


def test_a_single_member_has_nobody_to_learn_from() -> None:
    run = simulated(scheduler="pbt", curve=constant, num_samples=1)
    assert run.experiment.finished
    assert not any(isinstance(f.decision, Exploit | type(None)) for f in run.reports)
    assert run.reports[0].decision == Continue()
