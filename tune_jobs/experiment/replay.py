"""Notices when a scheduler decides otherwise today than it did when the facts were recorded.

Its code, or its options in the job file, may have changed since. Then what it remembers does not
fit what happened, and a run that goes on regardless ends in nonsense.
"""

from __future__ import annotations

from collections.abc import Sequence

from tune_jobs.experiment.facts import Fact, Reported, RunResumed, Stopped, TrialResumed
from tune_jobs.experiment.method import Method
from tune_jobs.experiment.state import RunState
from tune_jobs.search_algos.decisions import Decision, Exploit

NOT_RESUMED = "not resumed"
"""Why a paused trial ends where the scheduler never asks for it again."""


class Replay:
    """Tells a method the facts of earlier drivers. What was recorded is the truth: a trial on
    which the scheduler decides otherwise now is taken out of its hands.

    Attributes:
        difference: the first one that nobody has accepted, in words; nothing where there is none.
    """

    def __init__(self, method: Method, facts: Sequence[Fact]) -> None:
        self.difference = ""
        self._method = method
        self._number = 0
        accepted = [n for n, fact in enumerate(facts) if isinstance(fact, RunResumed)]
        self._accepted = max((n for n in accepted if _accepts(facts[n])), default=0)

    def before(self, fact: Fact, state: RunState) -> None:
        """The fact is about to take effect in the state."""
        self._number += 1
        match fact:
            case Reported():
                loss = state.objective.loss(fact.metrics)
                today = self._method.decide(fact.trial_id, fact.epoch, loss, state)
                if not _same(today, fact.decision):
                    at = f" at epoch {fact.epoch}"
                    self._differs(fact.trial_id, at, fact.decision.kind, today.kind)
            case TrialResumed():
                answers = [self._method.next_to_resume(state, e) for e in (False, True)]
                wanted = (fact.trial_id, fact.exploit)
                if wanted not in [(a.trial_id, a.exploit) for a in answers if a]:
                    self._differs(fact.trial_id, "", "resume", "another")
            case Stopped() if fact.reason not in (NOT_RESUMED, state.draining):
                if not any(fact.trial_id in self._method.eliminated(e) for e in (False, True)):
                    self._differs(fact.trial_id, "", "stop", "wait")

    def _differs(self, trial_id: int, at: str, then: str, today: str) -> None:
        self._method.release(trial_id)
        if self._number > self._accepted and self._method.scheduler.deterministic:
            self.difference = self.difference or (
                f"line {self._number} of the journal has {then!r} for trial {trial_id}{at}, and "
                f"the scheduler now decides {today!r}"
            )


def _accepts(fact: Fact) -> bool:
    return isinstance(fact, RunResumed) and fact.changes_accepted


def _same(today: Decision, then: Decision) -> bool:
    """Alike in kind; of a clone, in where it starts and with which config. Reasons are words."""
    if isinstance(today, Exploit) and isinstance(then, Exploit):
        return (today.source, today.config) == (then.source, then.config)
    return today.kind == then.kind
