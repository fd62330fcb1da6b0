"""What can happen in a run. A journal is a sequence of facts; they determine the state of the run.

Facts are plain data. The journal adds the time, in seconds since 1970.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import Discriminator, TypeAdapter

from tune_jobs.errors import shortened, whole_characters
from tune_jobs.experiment.cost import Resources, Usage
from tune_jobs.search_algos.decisions import Continue, Decision, Exploit
from tune_jobs.search_algos.domains.values import tagged, untagged
from tune_jobs.search_algos.order import Loss

VERSION = 3
"""Version of the journal's format; grows if an older reader would misread a newer journal."""


@dataclass(frozen=True, kw_only=True)
class _Fact:
    time: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Known(_Fact):
    """An earlier run tried a config and got these losses; epoch -> loss, lower is better; with
    several metrics a tuple.

    In a journal of version 1 they are separate lines after the first one."""

    fact: Literal["known"] = "known"
    config: dict[str, Any]
    losses: dict[int, Loss]


@dataclass(frozen=True, kw_only=True)
class Opened(_Fact):
    """A journal starts, with what the searcher knows from earlier runs. ``began`` is when the
    command of the run started, which then had to start Ray; ``resources`` is what it found."""

    fact: Literal["opened"] = "opened"
    version: int
    known: list[Known] = field(default_factory=list)
    began: float | None = None
    resources: Resources | None = None


@dataclass(frozen=True, kw_only=True)
class RunResumed(_Fact):
    """Another driver continues the run, which may be longer now.

    If ``max_epochs`` grew, trials that were complete continue at once (``continued``) or wait for
    the scheduler (``paused``). ``changes_accepted`` means that a person accepted that the
    scheduler now decides differently. ``began`` and ``resources`` are as in `Opened`.
    """

    fact: Literal["reopened"] = "reopened"
    num_samples: int
    max_epochs: int
    continued: list[int] = field(default_factory=list)
    paused: list[int] = field(default_factory=list)
    changes_accepted: bool = False
    began: float | None = None
    resources: Resources | None = None


@dataclass(frozen=True, kw_only=True)
class Suggested(_Fact):
    """A searcher proposed a config, and its trial starts. ``derived`` are the values that the
    config gives, for people."""

    fact: Literal["suggested"] = "suggested"
    trial_id: int
    config: dict[str, Any]
    derived: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reported(_Fact):
    """A trial finished an epoch and wrote its checkpoint; the decision says what it does next."""

    fact: Literal["reported"] = "reported"
    trial_id: int
    epoch: int
    metrics: dict[str, float]
    seconds: float = 0.0
    node: str = ""
    checkpoint_bytes: int = 0
    usage: Usage | None = None
    decision: Annotated[Decision, Discriminator("kind")] = field(default_factory=Continue)


@dataclass(frozen=True, kw_only=True)
class TrialResumed(_Fact):
    """A paused trial got a slot again: it continues, or starts from another trial's checkpoint, and
    then ``derived`` is as in `Suggested`."""

    fact: Literal["resumed"] = "resumed"
    trial_id: int
    exploit: Exploit | None = None
    derived: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stopped(_Fact):
    """A waiting trial ended without another epoch."""

    fact: Literal["stopped"] = "stopped"
    trial_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Completed(_Fact):
    """A trial ended its own training before its last epoch."""

    fact: Literal["completed"] = "completed"
    trial_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Failed(_Fact):
    """An attempt of a trial ended with an error; with ``retry`` it restarts from its checkpoint.
    ``refused`` means that the model did not accept this config, so other trials may still work."""

    fact: Literal["failed"] = "failed"
    trial_id: int
    error: str
    retry: bool
    refused: bool = False


@dataclass(frozen=True, kw_only=True)
class Moved(_Fact):
    """A trial lost its worker through no fault of its own, and continues elsewhere."""

    fact: Literal["moved"] = "moved"
    trial_id: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Warned(_Fact):
    """Something went wrong, the run handled it, and a person should know."""

    fact: Literal["warned"] = "warned"
    text: str


@dataclass(frozen=True, kw_only=True)
class Interrupted(_Fact):
    """A signal asked the driver to end: trials stop at their next report and wait for a resume."""

    fact: Literal["interrupted"] = "interrupted"
    signal: str


@dataclass(frozen=True, kw_only=True)
class Draining(_Fact):
    """From here on no new trial starts, and the running ones end at their next report."""

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

    ``signal`` is the number of the signal that interrupted it, or 0; older journals have only its
    name, as the reason.
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

TEXT_LENGTH = 64 * 1024  # characters; a longer text keeps its beginning and its end


def writable(fact: Fact) -> Fact:
    """The fact with texts that can be written and read everywhere: shortened, with complete
    characters."""
    texts = {name: value for name, value in vars(fact).items() if isinstance(value, str)}
    fit: dict[str, Any] = {
        name: whole_characters(shortened(text, TEXT_LENGTH)) for name, text in texts.items()
    }
    return fact if fit == texts else replace(fact, **fit)


_FACT: TypeAdapter[Fact] = TypeAdapter(Fact)
_DECODER = json.JSONDecoder(object_hook=untagged)


def _fields(data: object) -> Any:
    return tagged(vars(data))


def to_json(fact: Fact) -> str:
    """One line of JSON; NaN and infinite metrics are written as ``NaN`` and ``Infinity``."""
    text = json.dumps(_fields(fact), default=_fields, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="replace").decode()  # half a character cannot be read again


def from_json(line: str | bytes) -> Fact:
    """Raises ValueError if the line is not a fact."""
    text = line if isinstance(line, str) else line.decode()
    return _FACT.validate_python(_DECODER.decode(text))
