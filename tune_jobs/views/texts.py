"""A run in words: the same ones in the live view, the lines, and `tune-jobs status`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from tune_jobs.experiment.facts import (
    Draining,
    Fact,
    Failed,
    Interrupted,
    Moved,
    Reported,
    RunResumed,
    Stopped,
    Tested,
    TrialResumed,
    Warned,
)
from tune_jobs.experiment.state import RunState, Status, Trial
from tune_jobs.search_algos.decisions import Exploit

NAME_LENGTH = 80


def describe(fact: Fact, state: RunState) -> str:
    """The event in words, or nothing for what is no news."""
    match fact:
        case Reported():
            trial = state.trials[fact.trial_id]
            if trial.status is Status.PAUSED:
                return f"trial {fact.trial_id} paused at epoch {fact.epoch}"
            if trial.status.is_final:
                return f"trial {fact.trial_id} {trial.status.value}: {trial.note}"
        case TrialResumed(exploit=Exploit(source=source)):
            return f"trial {fact.trial_id} goes on from trial {source} with another config"
        case TrialResumed():
            return f"trial {fact.trial_id} resumed"
        case Stopped():
            return f"trial {fact.trial_id} stopped: {fact.reason}"
        case Failed():
            then = "starts again from its checkpoint" if fact.retry else "failed"
            return f"trial {fact.trial_id} {then}: {last_line(fact.error)}"
        case Moved():
            return f"trial {fact.trial_id} goes on elsewhere: {last_line(fact.reason)}"
        case Warned():
            return f"warning: {fact.text}"
        case Interrupted():
            return (
                f"{fact.signal}: the run ends when the epochs at work are done; once more ends it "
                "at once"
            )
        case RunResumed():
            in_flight = state.counts[Status.RUNNING]
            return f"resumed: {state.ended} trials had ended, {in_flight} go on"
        case Draining():
            return f"ending: {fact.reason}"
        case Tested():
            if fact.error:
                return f"the test of trial {fact.trial_id} failed: {last_line(fact.error)}"
            return f"tested trial {fact.trial_id}: {tested(fact)}"
    return ""


def tested(fact: Tested) -> str:
    return fact.error or values(fact.metrics) or "the model measured nothing"


def outcome(trial: Trial) -> str:
    """Why a trial ended or what happened to it, in a line."""
    moved = [f"moved: {last_line(reason)}" for reason in trial.moves]
    return "; ".join([*moved, *([last_line(trial.note)] if trial.note else [])])


def counts(state: RunState) -> str:
    parts = [f"trials {state.ended}/{state.extent.trials}", f"epochs {state.epochs_total}"]
    for status, words in (
        (Status.STOPPED, "stopped early"),
        (Status.PAUSED, "paused"),
        (Status.FAILED, "failed"),
    ):
        if state.counts[status]:
            parts.append(f"{words} {state.counts[status]}")
    return ", ".join(parts)


def best(state: RunState) -> str:
    if state.incumbent is None:
        return f"no {state.objective.metric} yet"
    value = number(state.objective.value(state.incumbent.loss))
    if state.spread is not None:
        value += f" ± {number(state.spread)}"
    where = f"trial {state.incumbent.trial_id}, epoch {state.incumbent.epoch}"
    return f"best {state.objective.metric} {value} ({where})"


def time_left(state: RunState) -> str:
    """A guess from the trials so far; nothing before the first has ended or after the last."""
    if not state.ended or state.ended >= state.extent.trials or state.draining:
        return ""
    per_trial = (state.last_fact - state.first_report - state.idle) / state.ended
    return f"about {clock(per_trial * (state.extent.trials - state.ended))} left"


def values(items: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in items.items())


def trial_name(trial_id: int, config: Mapping[str, Any]) -> str:
    """What tells a trial from others at a glance; good for a folder too."""
    parts = [f"{name}={number(value)}" for name, value in config.items()]
    named = re.sub(r"[^\w=.,+ -]", "_", " ".join(parts), flags=re.ASCII)
    return f"{trial_id:05d} {named}"[:NAME_LENGTH].rstrip(" .")


def test_name(metric: str) -> str:
    """How a metric of the final test is called beside those of validation."""
    return metric if metric.startswith("test") else f"test_{metric}"


def number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def clock(seconds: float) -> str:
    if math.isnan(seconds):
        return "0:00"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no message"
