"""Notices if a scheduler now decides differently than when the facts were recorded.

Its code, or its options in the job file, may have changed. Its memory then does not match what
happened, and the decisions of a run that simply continued would make no sense.
"""

from __future__ import annotations

from collections.abc import Sequence

from tune_jobs.experiment.facts import Fact, Reported, RunResumed, Stopped, TrialResumed
from tune_jobs.experiment.method import Method
from tune_jobs.experiment.state import RunState
from tune_jobs.search_algos.decisions import Decision, Exploit, Stop

NOT_RESUMED = "not resumed"
"""Why a paused trial ends if the scheduler never resumes it."""


class Replay:
    """Gives a method the facts of earlier drivers. Recorded decisions are the truth: if the
    scheduler now decides differently on a trial, the trial is taken away from it.

    Attributes:
        difference: a message about the first difference that nobody has accepted, or empty.
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
                today = self._method.decide(fact, state)
                if not (_is_of_goals(today) or _is_of_goals(fact.decision)) and not _same(
                    today, fact.decision
                ):
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


def _is_of_goals(decision: Decision) -> bool:
    """Whether it says nothing of the scheduler."""
    return isinstance(decision, Stop) and decision.complete


def _same(today: Decision, then: Decision) -> bool:
    """Whether the kind is equal, and for a clone its source and config; reasons do not count."""
    if isinstance(today, Exploit) and isinstance(then, Exploit):
        return (today.source, today.config) == (then.source, then.config)
    return today.kind == then.kind
