"""A run in words, the same in the live view, in lines, and in `tune-jobs status`.

Whatever a name, a value or an error contains, these texts are short and printable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from rich.filesize import decimal

from tune_jobs.errors import counted, own_line, shortened
from tune_jobs.experiment.census import Rung
from tune_jobs.experiment.facts import (
    Completed,
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
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.search_algos.decisions import Exploit

NAME_LENGTH = 80
VALUE_LENGTH = 200
LINE_LENGTH = 1000
BLOCK_LENGTH = 20_000


def printable(text: str, length: int = LINE_LENGTH) -> str:
    """A text in one line for a screen; characters that move the cursor or cannot be shown are
    escaped."""
    text = shortened(text, length)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def block(text: str) -> str:
    """The same for a text of several lines."""
    lines = shortened(text, BLOCK_LENGTH).expandtabs().split("\n")
    return "\n".join(printable(line, BLOCK_LENGTH) for line in lines)


def describe(fact: Fact, state: RunState) -> str:
    """The event in words, or an empty text if it is not news."""
    return printable(_described(fact, state))


def _described(fact: Fact, state: RunState) -> str:
    match fact:
        case Reported():
            trial = state.trials[fact.trial_id]
            if trial.status is Status.PAUSED:
                return f"trial {fact.trial_id} paused at {state.objective.unit} {fact.epoch}"
            if trial.status.is_final:
                return f"trial {fact.trial_id} {trial.status.value}: {outcome(trial, state)}"
        case TrialResumed(exploit=Exploit(source=source)):
            return f"trial {fact.trial_id} continues from trial {source} with another config"
        case TrialResumed():
            return f"trial {fact.trial_id} resumed"
        case Completed():
            return f"trial {fact.trial_id} completed: {fact.reason}"
        case Stopped():
            trial = state.trials[fact.trial_id]
            return f"trial {fact.trial_id} stopped: {outcome(trial, state)}"
        case Failed():
            place = own_line(fact.error)
            said = f"{last_line(fact.error)}{f' ({place})' if place else ''}"
            return f"trial {fact.trial_id} {_after(fact, state)}: {said}"
        case Moved():
            return f"trial {fact.trial_id} continues elsewhere: {last_line(fact.reason)}"
        case Warned():
            return f"warning: {fact.text}"
        case Interrupted():
            return (
                f"{fact.signal}: the run ends when the running {state.objective.unit}s are done; "
                "once more ends it at once"
            )
        case RunResumed():
            ended, at_work = counted(state.ended, "trial"), state.counts[Status.RUNNING]
            return f"resumed: {ended} had ended, {at_work} {'goes' if at_work == 1 else 'go'} on"
        case Draining():
            return f"ending: {fact.reason}"
        case Tested(error=""):
            words = f"tested trial {fact.trial_id}: {tested(fact)}"
            return words if fact.metrics else "no final test: the model has none"
        case Tested():
            return f"the test of trial {fact.trial_id} failed: {last_line(fact.error)}"
    return ""


def _after(failure: Failed, state: RunState) -> str:
    """What a trial does after a failure."""
    epoch = state.trials[failure.trial_id].epoch
    if not failure.retry:
        return "failed"
    return "restarts from its checkpoint" if epoch else "restarts from the beginning"


def tested(fact: Tested) -> str:
    if fact.error:
        return last_line(fact.error)
    return values(fact.metrics) or "none: the model has no test"


def run_status(state: RunState) -> str:
    """``finished``, ``interrupted`` or ``failed``; ``running``, or ``died`` if its driver was
    killed."""
    if state.closed:
        return state.closed.status
    return "running" if state.driver else "died"


def trial_status(status: Status, state: RunState) -> str:
    """The status of a trial for people: without a driver none is running."""
    is_left = status is Status.RUNNING and run_status(state) != "running"
    return "interrupted" if is_left else status.value


def outcome(trial: Trial, state: RunState) -> str:
    """Why a trial ended, in a line."""
    said = last_line(trial.note) if trial.note else ""
    # Schedulers call an epoch what a trial reports after.
    return said if trial.status is Status.FAILED else said.replace("epoch", state.objective.unit)


def counts(state: RunState) -> str:
    unit = state.objective.unit
    parts = [f"trials {state.ended}/{state.extent.trials}", f"{unit}s {state.epochs_total}"]
    for status, words in (
        (Status.STOPPED, "stopped early"),
        (Status.PAUSED, "paused"),
        (Status.FAILED, "failed"),
    ):
        if state.counts[status]:
            parts.append(f"{words} {state.counts[status]}")
    return ", ".join(parts)


def in_use(state: RunState) -> str:
    """The resources of the running trials; empty if there are none, or if it is not known."""
    running, found = state.counts[Status.RUNNING], state.resources
    if not running or not found:
        return ""
    shares = [("CPU", found.trial_cpus, found.cpus), ("GPU", found.trial_gpus, found.gpus)]
    used = " and ".join(
        f"{min(running * share, whole):g} of {whole:g} {kind}s"
        for kind, share, whole in shares
        if share
    )
    return f"{counted(running, 'trial')} at work on {used}"


def rungs(found: Iterable[Rung], state: RunState) -> str:
    """What trials did where they were compared."""
    said = (
        f"{state.objective.unit} {rung.epoch}: {rung.reached} came, {rung.stopped} stopped"
        f"{f', {rung.waiting} wait' if rung.waiting else ''}"
        for rung in found
    )
    return "; ".join(said)


def cost(state: RunState) -> str:
    """What the run used, and what went wrong, as far as it is known."""
    spent, unit = state.cost, state.objective.unit
    parts = {
        f"{clock(spent.cpu_seconds)} of CPU": spent.cpu_seconds,
        f"{clock(spent.gpu_seconds)} of GPU": spent.gpu_seconds,
        f"up to {decimal(spent.memory_bytes)} a trial": spent.memory_bytes,
        f"{counted(spent.trained_again, unit)} trained again": spent.trained_again,
        counted(state.failures, "failure"): state.failures,
        counted(len(state.warnings), "warning"): state.warnings,
    }
    return ", ".join(words for words, amount in parts.items() if amount)


def best(state: RunState) -> str:
    front, objective = state.front, state.objective
    if not front:
        return f"no {printable(objective.words, VALUE_LENGTH)} yet"
    (metric, value), *others = objective.values(front[0].loss).items()
    found = values({metric: value})
    if state.spread is not None:
        found += f" ± {number(state.spread)}"
    found = ", ".join([found, *(values({name: other}) for name, other in others)])
    epoch, unit = front[0].epoch, objective.unit
    after = counted(epoch, unit) if objective.best == "complete" else f"{unit} {epoch}"
    more = f", front of {counted(len(front), 'trial')}" if objective.is_several else ""
    return f"best {found} (trial {front[0].trial_id}, {after}){more}"


def time_left(state: RunState) -> str:
    """An estimate from the trials so far; empty before the first has ended or after the last."""
    if not state.ended or state.ended >= state.extent.trials or state.draining:
        return ""
    per_trial = (state.last_fact - state.first_report - state.idle) / state.ended
    return f"about {clock(per_trial * (state.extent.trials - state.ended))} left"


def trial_name(trial_id: int, config: Mapping[str, Any]) -> str:
    """What tells a trial from others at a glance; good for a folder too. As many hyperparameters
    as there is room for."""
    name = f"{trial_id:05d}"
    for parameter, value in config.items():
        part = f"{_safe(parameter)}={_safe(number(value))}"
        if len(name) + len(part) >= NAME_LENGTH:
            break
        name += f" {part}"
    return name.rstrip(".")


def _safe(text: str) -> str:
    return re.sub(r"[^\w.+-]", "_", text, flags=re.ASCII)


def test_name(metric: str) -> str:
    """The name of a metric of the final test, different from those of validation."""
    return metric if metric.startswith("test") else f"test_{metric}"


def values(items: Mapping[str, Any]) -> str:
    named = (f"{printable(name, VALUE_LENGTH)} {number(value)}" for name, value in items.items())
    return ", ".join(named)


def number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(str(value), VALUE_LENGTH)


def clock(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "0:00"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return printable(lines[-1]) if lines else "no message"
