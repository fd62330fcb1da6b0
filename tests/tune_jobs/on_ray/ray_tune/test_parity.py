"""The same events, told to our schedulers and to Ray Tune's own: where they decide alike, and
the deliberate differences, one test each."""

from __future__ import annotations

import math
from bisect import bisect_left
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler

from tune_jobs.search_algos.decisions import Stop
from tune_jobs.search_algos.domains import Float
from tune_jobs.search_algos.schedulers.asha import ASHA
from tune_jobs.search_algos.schedulers.median import MedianStopping
from tune_jobs.search_algos.space import Space

SPACE = Space({"x": Float(0, 1)})
MAX_T = 27
losses = st.lists(st.integers(-50, 50), min_size=1, max_size=60)


class Told:
    """Ray's scheduler, told of losses; answers whether it would stop the trial."""

    def __init__(self, scheduler: TrialScheduler) -> None:
        self.scheduler = scheduler
        self.trials: dict[int, Any] = {}
        self.controller = SimpleNamespace(get_live_trials=list)

    def stops(self, trial_id: int, epoch: int, loss: float) -> bool:
        if trial_id not in self.trials:
            self.trials[trial_id] = Trial(str(trial_id))
            self.scheduler.on_trial_add(self.controller, self.trials[trial_id])
        result = {"training_iteration": epoch, "loss": loss}
        answer = self.scheduler.on_trial_result(self.controller, self.trials[trial_id], result)
        return bool(answer == TrialScheduler.STOP)


class Trial:
    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id


def rays_asha(reduction_factor: int, max_t: int = MAX_T) -> Told:
    return Told(
        AsyncHyperBandScheduler(
            metric="loss",
            mode="min",
            max_t=max_t,
            grace_period=1,
            reduction_factor=reduction_factor,
        )
    )


def our_asha(reduction_factor: int, trials: int = 100, max_t: int = MAX_T) -> ASHA:
    scheduler = ASHA(max_t, SPACE, 0, reduction_factor=reduction_factor)
    for trial_id in range(trials):
        scheduler.on_start(trial_id, {"x": 0.5})
    return scheduler


def stops(scheduler: Any, trial_id: int, epoch: int, loss: float) -> bool:
    return isinstance(scheduler.on_report(trial_id, epoch, loss), Stop)


@given(losses=losses, eta=st.integers(2, 5), rung=st.integers(0, 1))
def test_asha_decides_as_rays_but_where_the_cut_falls_between_two_trials(
    losses: list[int], eta: int, rung: int
) -> None:
    ours, rays = our_asha(eta), rays_asha(eta)
    for trial_id, loss in enumerate(losses):
        here = sorted(losses[:trial_id])
        # Ray's cut lies this far down the ranking of those that were here before.
        cut = (len(here) - 1) / eta
        better = bisect_left(here, loss)
        between = cut != int(cut) and better == int(cut) + 1
        same = stops(ours, trial_id, eta**rung, loss) == rays.stops(trial_id, eta**rung, loss)
        assert same or between


def test_asha_difference_the_cut_is_a_rank_and_not_interpolated() -> None:
    """After 0 and 10, Ray's cut is at 5 with η = 2: it lets 4 pass, and would stop it if the
    metric were bent so that 4 is 9, although it is second of three either way."""
    bent = {0: 0, 10: 10, 4: 9}  # increasing, so the ranks are the same
    assert not third_stops(rays_asha(2), [0, 10, 4])
    assert third_stops(rays_asha(2), [bent[0], bent[10], bent[4]])
    for values in ([0, 10, 4], [bent[0], bent[10], bent[4]]):
        ours = our_asha(2)
        assert not [stops(ours, n, 1, value) for n, value in enumerate(values)][2]


def third_stops(rays: Told, values: list[float]) -> bool:
    return [rays.stops(n, 1, value) for n, value in enumerate(values)][2]


def test_asha_difference_nan_stops_at_once_and_takes_no_place() -> None:
    ours, rays = our_asha(3), rays_asha(3)
    assert stops(ours, 0, 1, math.nan)
    assert not rays.stops(0, 1, math.nan)
    assert not stops(ours, 1, 1, 5.0), "the first of a rung, since NaN is not in it"


@pytest.mark.parametrize(("max_t", "eta", "last"), [(243, 3, 81), (1000, 10, 100)])
def test_asha_difference_no_rung_is_lost_to_a_logarithm(max_t: int, eta: int, last: int) -> None:
    """Ray's rung count is one short for these, so nothing is compared at its last rung; it would
    be at max_t, where both stop in any case."""
    ours, rays = our_asha(eta, max_t=max_t), rays_asha(eta, max_t=max_t)
    ours.on_report(0, last, 1.0)
    assert stops(ours, 1, last, 2.0)
    rungs = [epoch for epoch, _ in rays.scheduler._brackets[0]._rungs]
    assert max_t not in rungs, "the textbook's last rung is missing"
    assert math.floor(math.log(max_t) / math.log(eta)) < round(math.log(max_t, eta))


@settings(max_examples=60)
@given(
    curves=st.lists(
        st.lists(st.integers(-20, 20), min_size=6, max_size=6), min_size=1, max_size=10
    ),
    grace=st.integers(1, 4),
    required=st.integers(1, 4),
    order=st.randoms(use_true_random=False),
)
def test_median_decides_as_rays(
    curves: list[list[int]], grace: int, required: int, order: Any
) -> None:
    ours = MedianStopping(9, SPACE, 0, grace_period=grace, min_samples_required=required)
    rays = Told(
        MedianStoppingRule(
            time_attr="training_iteration",
            metric="loss",
            mode="min",
            grace_period=grace,
            min_samples_required=required,
        )
    )
    epochs = dict.fromkeys(range(len(curves)), 0)
    while epochs:
        trial_id = order.choice(list(epochs))
        epoch = epochs[trial_id] = epochs[trial_id] + 1
        loss = curves[trial_id][epoch - 1]
        stopped = stops(ours, trial_id, epoch, loss)
        assert stopped == rays.stops(trial_id, epoch, loss)
        if stopped or epoch == 6:
            del epochs[trial_id]


def test_median_difference_nan_stops_at_once_and_is_in_no_mean() -> None:
    ours = MedianStopping(9, SPACE, 0)
    assert stops(ours, 0, 1, math.nan)
    assert not ours._means_at
