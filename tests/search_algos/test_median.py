from __future__ import annotations

from typing import Any

import pytest

from tune_jobs.search_algos.decisions import Continue, Stop
from tune_jobs.search_algos.domains import Float
from tune_jobs.search_algos.schedulers.median import MedianStopping
from tune_jobs.search_algos.space import Space

SPACE = Space({"x": Float(0, 1)})


def median(**options: Any) -> MedianStopping:
    return MedianStopping(9, SPACE, 0, **options)


def test_a_trial_worse_than_the_median_of_running_means_stops() -> None:
    scheduler = median()
    for trial_id, losses in enumerate([(1, 1), (2, 4), (9, 1)]):  # means 1, 3, 5
        for epoch, loss in enumerate(losses, start=1):
            assert scheduler.on_report(trial_id, epoch, loss) == Continue()
    scheduler.on_report(3, 1, 3.5)
    assert scheduler.on_report(3, 2, 3.0) == Continue(), "as good as the median"
    scheduler.on_report(4, 1, 9.0)
    assert scheduler.on_report(4, 2, 3.5) == Stop(
        "its best is worse than the median of 4 others at epoch 2"
    )


def test_its_best_loss_counts_and_not_its_last() -> None:
    scheduler = median()
    for trial_id in range(3):
        scheduler.on_report(trial_id, 1, 2.0)
        scheduler.on_report(trial_id, 2, 2.0)
    scheduler.on_report(3, 1, 1.0)
    assert scheduler.on_report(3, 2, 99.0) == Continue()


def test_epochs_before_the_grace_period_count_neither_for_stopping_nor_in_means() -> None:
    scheduler = median(grace_period=2)
    for trial_id in range(3):
        scheduler.on_report(trial_id, 1, 100.0)
        scheduler.on_report(trial_id, 2, 1.0)
    assert scheduler.on_report(3, 1, 500.0) == Continue()
    assert isinstance(scheduler.on_report(3, 2, 2.0), Stop)


def test_means_are_of_the_reports_and_others_are_compared_where_they_came_as_far() -> None:
    scheduler = MedianStopping(1000, SPACE, 0, grace_period=100)
    for trial_id in range(3):
        for epoch in (100 + trial_id, 200 + trial_id):
            scheduler.on_report(trial_id, epoch, 2.0)
    assert scheduler.on_report(3, 150, 2.5) == Stop(
        "its best is worse than the median of 3 others at epoch 150"
    )
    assert scheduler.on_report(4, 150, 2.0) == Continue()
    assert scheduler.on_report(4, 202, 2.0) == Continue()
    assert scheduler.on_report(5, 203, 9.0) == Continue(), "nobody came as far"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"grace_period": 0}, "grace_period is 0"),
        ({"grace_period": 10}, "grace_period is 10; it must be an epoch, 1 to 9"),
        ({"min_samples_required": 0}, "min_samples_required is 0"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, int], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        median(**options)
