"""What can happen in a run. The journal is a sequence of these, and a run is what they add up to.

Facts are plain data: the time is put in by the journal, in seconds since 1970.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import Discriminator, TypeAdapter

from tune_jobs.errors import shortened, whole_characters
from tune_jobs.search_algos.decisions import Continue, Decision, Exploit

VERSION = 3
"""Of the journal's format; grows when an older reader would misunderstand a newer journal."""


@dataclass(frozen=True, kw_only=True)
class _Fact:
    time: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Known(_Fact):
    """An earlier run tried a config and got these losses; epoch -> loss, lower is better.

    In a journal of version 1 these stood on lines of their own, after the first."""

    fact: Literal["known"] = "known"
    config: dict[str, Any]
    losses: dict[int, float]


@dataclass(frozen=True, kw_only=True)
class Opened(_Fact):
    """A journal begins, with what the searcher knows from earlier runs.

    ``began`` is when the run's command did, which had to start Ray first."""

    fact: Literal["opened"] = "opened"
    version: int
    known: list[Known] = field(default_factory=list)
    began: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunResumed(_Fact):
    """Another driver goes on with the run, which may have grown.

    Trials that were complete and are not any more, since ``max_epochs`` grew, go on at once
    (``continued``) or wait for the scheduler (``paused``). ``changes_accepted`` says that a person
    knew that the scheduler decides otherwise now than it did before. ``began`` as of `Opened`.
    """

    fact: Literal["reopened"] = "reopened"
    num_samples: int
    max_epochs: int
    continued: list[int] = field(default_factory=list)
    paused: list[int] = field(default_factory=list)
    changes_accepted: bool = False
    began: float | None = None


@dataclass(frozen=True, kw_only=True)
class Suggested(_Fact):
    """A searcher proposed a config, and a trial with it starts."""

    fact: Literal["suggested"] = "suggested"
    trial_id: int
    config: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reported(_Fact):
    """A trial finished an epoch, its checkpoint is written, and this was decided on it."""

    fact: Literal["reported"] = "reported"
    trial_id: int
    epoch: int
    metrics: dict[str, float]
    seconds: float = 0.0
    node: str = ""
    checkpoint_bytes: int = 0
    decision: Annotated[Decision, Discriminator("kind")] = field(default_factory=Continue)


@dataclass(frozen=True, kw_only=True)
class TrialResumed(_Fact):
    """A paused trial got a slot again, to go on as it was or from another's checkpoint."""

    fact: Literal["resumed"] = "resumed"
    trial_id: int
    exploit: Exploit | None = None


@dataclass(frozen=True, kw_only=True)
class Stopped(_Fact):
    """A trial that was waiting ended without another epoch."""

    fact: Literal["stopped"] = "stopped"
    trial_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Completed(_Fact):
    """A trial's training came to its own end, before the last epoch it was given."""

    fact: Literal["completed"] = "completed"
    trial_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Failed(_Fact):
    """A trial's attempt ended in an error; with ``retry`` it goes on from its checkpoint.
    ``refused`` says that the model did not accept its config, which speaks of no other trial."""

    fact: Literal["failed"] = "failed"
    trial_id: int
    error: str
    retry: bool
    refused: bool = False


@dataclass(frozen=True, kw_only=True)
class Moved(_Fact):
    """A trial lost its worker through no fault of its own, and goes on elsewhere."""

    fact: Literal["moved"] = "moved"
    trial_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Warned(_Fact):
    """Something went wrong that the run could deal with; a person should know."""

    fact: Literal["warned"] = "warned"
    text: str


@dataclass(frozen=True, kw_only=True)
class Interrupted(_Fact):
    """The driver was told to end by a signal: trials wait for a resume when they next report."""

    fact: Literal["interrupted"] = "interrupted"
    signal: str


@dataclass(frozen=True, kw_only=True)
class Draining(_Fact):
    """No new trial starts from here on, and the running ones end at their next report."""

    fact: Literal["draining"] = "draining"
    reason: str


@dataclass(frozen=True, kw_only=True)
class Tested(_Fact):
    """The incumbent's checkpoint was measured on the test data, or could not be."""

    fact: Literal["tested"] = "tested"
    trial_id: int
    epoch: int
    metrics: dict[str, float]
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Closed(_Fact):
    """The run is over.

    ``signal`` is the number of the one that interrupted it, or 0: older journals have no more
    than its name, as the reason.
    """

    fact: Literal["closed"] = "closed"
    status: Literal["finished", "interrupted", "failed"]
    reason: str = ""
    signal: int = 0


Fact = Annotated[
    Opened
    | RunResumed
    | Known
    | Suggested
    | Reported
    | TrialResumed
    | Stopped
    | Completed
    | Failed
    | Moved
    | Warned
    | Interrupted
    | Draining
    | Tested
    | Closed,
    Discriminator("fact"),
]

TEXT_LENGTH = 64 * 1024  # characters; of a longer one the beginning and the end are kept


def writable(fact: Fact) -> Fact:
    """The fact with texts that can be written and read everywhere: not endless, and whole
    characters."""
    texts = {name: value for name, value in vars(fact).items() if isinstance(value, str)}
    fit: dict[str, Any] = {
        name: whole_characters(shortened(text, TEXT_LENGTH)) for name, text in texts.items()
    }
    return fact if fit == texts else replace(fact, **fit)


_FACT: TypeAdapter[Fact] = TypeAdapter(Fact)


def to_json(fact: Fact) -> str:
    """One line; metrics that are NaN or infinite stand as JSON's usual extension has them."""
    text = json.dumps(asdict(fact), separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace").decode()  # half a character cannot be read again


def from_json(line: str | bytes) -> Fact:
    """Raises ValueError for a line that is no fact."""
    return _FACT.validate_json(line)
