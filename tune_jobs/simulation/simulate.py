"""The other executor: an experiment on a virtual clock, with curves instead of training.

It never sleeps: a simulated hour costs only the time for its decisions.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from tune_jobs.experiment.assignments import FinalTest, Train
from tune_jobs.experiment.experiment import Experiment
from tune_jobs.experiment.facts import Reported
from tune_jobs.search_algos.decisions import Pause, Stop


class Epoch(NamedTuple):
    metrics: Mapping[str, float]
    seconds: float


class Curve(Protocol):
    """What training would have reported: epoch ``epoch`` (from 1) of a trial with ``config``.

    An exception means that the trial died in that epoch.
    """

    def __call__(self, config: Mapping[str, Any], epoch: int) -> Epoch: ...


@dataclass
class VirtualClock:
    """Seconds since the start of a simulation."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(order=True)
class _EpochEnd:
    time: float
    order: int  # breaks ties: the one that began first
    work: Train = field(compare=False)
    epoch: int = field(compare=False)
    result: Epoch | Exception = field(compare=False)


def simulate(
    experiment: Experiment,
    curve: Curve,
    workers: int,
    clock: VirtualClock | None = None,
    epochs: int | None = None,
    stride: int = 1,
) -> float:
    """Runs the experiment to its end on ``workers`` equal workers; returns the virtual seconds.

    The incumbent's test is its curve's metrics at its best epoch, and takes no time. With
    ``epochs``, a trial starts or continues only if all running trials can complete within them.
    A trial reports every ``stride`` epochs.
    """
    clock = clock or VirtualClock()
    queue: list[_EpochEnd] = []
    begun = 0
    complete = experiment.state.extent.reports

    def has_room() -> bool:
        if epochs is None or experiment.state.draining:
            return True
        promised = sum(complete - end.work.epoch for end in queue)
        return experiment.state.epochs_total + promised + complete <= epochs

    def begin(work: Train) -> None:
        nonlocal begun
        begun += 1
        epoch = max(work.epoch + 1, min(work.epoch + stride, complete))
        result: Epoch | Exception
        try:
            metrics, each = curve(work.config, epoch)
            result = Epoch(metrics, each * (epoch - work.epoch))
        except Exception as error:  # the trial died
            result = error
        seconds = result.seconds if isinstance(result, Epoch) else 0.0
        heapq.heappush(queue, _EpochEnd(clock.now + seconds, begun, work, epoch, result))

    while True:
        if not queue and not has_room():
            experiment.drain("the epochs are used up")
        while len(queue) < workers and has_room() and (work := experiment.next()) is not None:
            if isinstance(work, FinalTest):
                metrics = curve(work.config, work.checkpoint.epoch).metrics
                experiment.tested(work, metrics)
            else:
                begin(work)
        if not queue or experiment.hopeless:
            return clock.now
        end = heapq.heappop(queue)
        clock.now = end.time
        trial_id = end.work.trial_id
        if isinstance(end.result, Exception):
            if experiment.fail(trial_id, str(end.result)):
                begin(experiment.train(trial_id))
            continue
        decision = experiment.report(
            Reported(
                trial_id=trial_id,
                epoch=end.epoch,
                metrics=dict(end.result.metrics),
                seconds=end.result.seconds,
            )
        )
        if not isinstance(decision, (Stop, Pause)):
            begin(experiment.train(trial_id))
