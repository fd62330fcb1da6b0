"""Population Based Training (Jaderberg et al., 2017).

Every `perturbation_interval` epochs the whole population is compared; the worst quarter continues
from the checkpoints of the best quarter, with changed hyperparameters.

Deliberate difference from the paper and from Ray Tune's PBT: the population is compared at a
barrier, when all members have trained equally long. So a population may be larger than the number
of workers, all members are compared at the same age, and the result does not depend on timing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from tune_jobs.search_algos.base import Scheduler
from tune_jobs.search_algos.decisions import Continue, Decision, Exploit, Pause, Resume
from tune_jobs.search_algos.domains import Choice, Domain, Number, SpaceError
from tune_jobs.search_algos.mutation import moved
from tune_jobs.search_algos.order import Loss, best_first
from tune_jobs.search_algos.space import Config, Space

if TYPE_CHECKING:
    import numpy as np


_DRAWS = 1000  # of changed configs, until one keeps to the constraints


class _Arrival(NamedTuple):
    age: int  # in intervals; a report may come some steps after their end
    loss: Loss


class PBT(Scheduler):
    """Replaces the worst members of the population by changed copies of the best.

    The population is all trials of the job; its first configs come from the searcher.

    Args:
        perturbation_interval: epochs between comparisons.
        quantile_fraction: which part is replaced, and which part is copied from; up to 0.5.
        resample_probability: the chance that a hyperparameter is drawn anew from its domain.
        perturbation_factors: else a log-scale number is multiplied by one of the two; another
            number moves as far as one in the middle of a range from 0 would; where only some
            numbers are allowed, at least to the next one. A `Choice` stays as it is.
        perturb: names of the hyperparameters to explore; by default all that are not `fixed`.

    Raises ValueError for values out of range, SpaceError for a name that is not in the space.
    """

    pauses_trials = True
    clones_trials = True
    can_grow = True
    several_metrics = True

    def __init__(
        self,
        max_t: int,
        space: Space,
        seed: int,
        *,
        perturbation_interval: int = 3,
        quantile_fraction: float = 0.25,
        resample_probability: float = 0.25,
        perturbation_factors: tuple[float, float] = (0.8, 1.2),
        perturb: Sequence[str] | None = None,
    ) -> None:
        super().__init__(max_t, space, seed)
        if not isinstance(perturbation_interval, int) or perturbation_interval < 1:
            raise ValueError(
                f"perturbation_interval is {perturbation_interval}; it must be at least 1 epoch"
            )
        if not 0 < quantile_fraction <= 0.5:
            raise ValueError(f"quantile_fraction is {quantile_fraction}; it must be 0 to 0.5")
        if not 0 <= resample_probability <= 1:
            raise ValueError(f"resample_probability is {resample_probability}; it must be 0 to 1")
        if len(perturbation_factors) != 2 or min(perturbation_factors) <= 0:
            raise ValueError(
                f"perturbation_factors is {perturbation_factors}; give two factors above 0"
            )
        for name in perturb or ():
            if name not in space:
                raise SpaceError(f"perturb has {name!r}; the space has {', '.join(space)}")
        self._interval = perturbation_interval
        self._quantile_fraction = quantile_fraction
        self._resample_probability = resample_probability
        self._factors = perturbation_factors
        self._perturb = None if perturb is None else frozenset(perturb)
        self._configs: dict[int, Config] = {}  # of the living members
        self._barriers: dict[int, int] = {}  # the next epoch at which a member waits
        self._waiting: dict[int, _Arrival] = {}  # at a barrier
        # Of the last comparison, in order. A plain dict would look for its first key among the ever
        # more that were taken out before it.
        self._released: OrderedDict[int, Resume] = OrderedDict()
        self._comparisons = 0

    @property
    def changes(self) -> frozenset[str]:
        return frozenset(self.space) - self.fixed if self._perturb is None else self._perturb

    def on_start(self, trial_id: int, config: Config) -> None:
        self._configs[trial_id] = config
        self._barriers[trial_id] = self._interval

    def decide(self, trial_id: int, epoch: int, loss: Loss) -> Decision:
        # Later, where the report at the barrier itself had no loss.
        if epoch < self._barriers[trial_id] or epoch >= self.max_t:
            return Continue()
        self._barriers[trial_id] = (epoch // self._interval + 1) * self._interval
        self._waiting[trial_id] = _Arrival(epoch // self._interval, loss)
        return Pause()

    def on_resume(self, trial_id: int) -> None:
        if not self._released:
            self._released = OrderedDict(self._compare())
            self._comparisons += 1
        resume = self._released.pop(trial_id)
        if resume.exploit:
            self._configs[trial_id] = resume.exploit.config
        del self._waiting[trial_id]

    def on_end(self, trial_id: int) -> None:
        self._configs.pop(trial_id, None)
        self._barriers.pop(trial_id, None)
        self._waiting.pop(trial_id, None)
        self._released.pop(trial_id, None)

    def next_to_resume(self, exhausted: bool) -> Resume | None:
        if self._released:
            return next(iter(self._released.values()))
        if not self._waiting or not exhausted or self._waiting.keys() != self._configs.keys():
            return None
        return next(iter(self._compare().values()))

    def _compare(self) -> dict[int, Resume]:
        """How the youngest continue; copies first, while their sources are at the barrier. Members
        that were added later catch up before they are compared with the others."""
        age = min(arrival.age for arrival in self._waiting.values())
        losses = {t: arrival.loss for t, arrival in self._waiting.items() if arrival.age == age}
        ranking = best_first(losses)
        count = min(ceil(len(ranking) * self._quantile_fraction), len(ranking) // 2)
        best, worst = ranking[:count], ranking[len(ranking) - count :]
        resumes = {}
        for trial_id in worst:
            rng = self.rng(trial_id, self._comparisons)
            donor = best[rng.integers(len(best))]
            config = self._configs[donor]
            changed = self.space.constraints.first_allowed(
                partial(self._explore, config, rng), _DRAWS
            )
            exploit = Exploit(donor, changed or config)
            resumes[trial_id] = Resume(trial_id, exploit)
        return resumes | {t: Resume(t) for t in ranking if t not in resumes}

    def _explore(self, config: Config, rng: np.random.Generator) -> Config:
        changes = self.changes

        def value(name: str, domain: Domain) -> Any:
            # A parameter that became active by the change of another has no value to keep.
            if name not in config or (
                name in changes and rng.random() < self._resample_probability
            ):
                return domain.from_unit(rng.random())
            if name not in changes or isinstance(domain, Choice):
                return config[name]
            return self._perturbed(config[name], domain, self._factors[rng.integers(2)])

        return self.space.build(value)

    @staticmethod
    def _perturbed(value: float, domain: Number, factor: float) -> float:
        by = (factor - 1) / 2
        if domain.log:
            by = domain.to_unit(value * factor) - domain.to_unit(value)
        return moved(domain, value, by)
