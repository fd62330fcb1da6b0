"""The contracts of a searcher and a scheduler.

Trials have numbers, lower losses are better, and an epoch is one unit of training of the model.
Nothing here acts: a decision is data for others.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tune_jobs.search_algos.decisions import Decision, Resume, Stop
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.order import Loss, parts
from tune_jobs.search_algos.repeats import untried_near
from tune_jobs.search_algos.space import Config, Space

if TYPE_CHECKING:
    import numpy as np


DRAWS = 20
"""How often a library is asked for a suggestion that keeps to the constraints, before the nearest
allowed config takes the place of the last one."""


class Searcher(ABC):
    """Proposes configs: a function of an index and the history, with no memory of its own.

    With the same history, a searcher gives the same config for the same index, in any process. A
    subclass defines `suggest`; jobs call `suggest_new`, so that no config comes twice while there
    is another one. Keyword-only parameters of a subclass' constructor are its options in a job.
    """

    supports_conditions: ClassVar[bool] = True
    takes_long: ClassVar[bool] = False  # more than a few milliseconds, so not while others wait
    learns: ClassVar[bool] = True  # from the history
    may_repeat: ClassVar[bool] = False  # on purpose; then `suggest_new` is `suggest`
    several_metrics: ClassVar[bool] = False  # works with losses that are tuples

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed

    @property
    def size(self) -> int | None:
        """How many configs it can suggest, or None if there is no limit."""
        return None

    def prepare(self) -> None:
        """Does ahead what takes long and a later suggestion needs, such as an import. A run calls
        it in a thread while Ray starts."""

    @abstractmethod
    def suggest(self, index: int, history: History) -> Config | None:
        """The config of trial number ``index``, or None when the space is exhausted."""

    def suggest_new(self, index: int, history: History) -> Config | None:
        """What `suggest` answers, or another config if that one breaks a constraint, was tried or
        is at work.

        Raises SpaceError for an answer that is not a config of the space.
        """
        answer = self.suggest(index, history)
        if answer is None:
            return None
        config = self.space.checked(answer)
        if self.space.allows(config) and (self.may_repeat or config not in history):
            return config
        return self.in_place_of(config, index, history)

    def in_place_of(self, config: Config, index: int, history: History) -> Config | None:
        """An untried config near this one; if every config was tried, this one, or a random one
        if this one breaks a constraint."""
        rng = generator("in place of", self.seed, index)
        other = untried_near(self.space, config, history.__contains__, rng)
        if other is None and not self.space.allows(config):
            return self.space.sample(rng)
        return other or config

    def rng(self, index: int) -> np.random.Generator:
        """The only source of randomness for suggestion ``index``."""
        return generator("suggestion", self.seed, index)


class Scheduler(ABC):
    """Decides after every epoch whether a trial continues, stops, pauses or starts from another.

    A scheduler remembers only the facts that it gets, so a new one that gets the same facts is
    equal to it. Keyword-only parameters of a subclass' constructor are its options in a job.

    Args of every constructor:
        max_t: epochs after which a trial is complete, at least 1.
        space: the space configs come from, for schedulers that make new ones.
        seed: seed of any random choice.
    """

    pauses_trials: ClassVar[bool] = False
    clones_trials: ClassVar[bool] = False
    rank_based: ClassVar[bool] = True  # only the order of losses matters, not how far apart
    deterministic: ClassVar[bool] = True  # the same facts give the same decisions
    can_grow: ClassVar[bool] = False  # a larger max_t does not change decisions on earlier epochs
    several_metrics: ClassVar[bool] = False  # works with losses that are tuples

    fixed: frozenset[str] = frozenset()
    """The hyperparameters that a clone must keep, because its model cannot change them during the
    training. Set by the code that builds the scheduler."""

    def __init__(self, max_t: int, space: Space, seed: int) -> None:
        self.max_t = max_t
        self.space = space
        self.seed = seed

    def on_report(self, trial_id: int, epoch: int, loss: Loss) -> Decision:
        """What a trial does after it finished ``epoch`` (from 1) with ``loss``.

        A loss that is not finite stops the trial at once: it can never be compared.
        """
        for part in parts(loss):
            if not math.isfinite(part):
                return Stop("the metric is NaN" if math.isnan(part) else "the metric is infinite")
        return self.decide(trial_id, epoch, loss)

    @abstractmethod
    def decide(self, trial_id: int, epoch: int, loss: Any) -> Decision:
        """`on_report` for a finite loss: a float, or a tuple of floats in a job with several
        metrics."""

    def rng(self, *key: int) -> np.random.Generator:
        """The only source of randomness; ``key`` identifies the choice."""
        return generator("decision", self.seed, *key)

    def on_start(self, trial_id: int, config: Config) -> None:
        """A new trial starts; called before its first epoch."""

    def on_resume(self, trial_id: int) -> None:
        """A paused trial continues."""

    def on_end(self, trial_id: int) -> None:
        """A trial completed, stopped or failed, in whatever state it was. This is final."""

    @property
    def changes(self) -> frozenset[str]:
        """The parameters in which a clone may differ from its source."""
        return frozenset()

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        """The paused trial that should have the next free slot, or None.

        The call changes nothing; `on_resume` is called when it happened. ``exhausted`` means that
        no new trial will start any more, so nothing else can fill a rung.
        """
        return None

    def eliminated(self, exhausted: bool) -> Mapping[int, str]:
        """The paused trials that will never continue, with the reason. `on_end` is called when
        they have ended."""
        return {}


def generator(purpose: str, *key: int) -> np.random.Generator:
    """A stream of random numbers for this purpose and key alone."""
    import numpy as np  # here, because a declaration of a job does not need it

    # SeedSequence ignores zeros at the end of a seed, so the length is included.
    seed = np.random.SeedSequence([*purpose.encode(), len(key), *key])
    return np.random.default_rng(seed)
