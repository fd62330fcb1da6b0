"""Regularized evolution (Real et al., AAAI 2019), with crossover: a genetic search that needs
no model of the space, so many parameters, choices and conditions cost it nothing.

With several metrics, the population is the best configs by non-dominated rank, as in NSGA-II
(Deb et al., 2002), since a front is made of old and young.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.domains import Domain
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.mutation import mutant
from tune_jobs.search_algos.order import best_first
from tune_jobs.search_algos.space import Config, Space

if TYPE_CHECKING:
    import numpy as np

_STEP = 0.15  # standard deviation of a mutated number, as a part of its range


class EvolutionSearch(Searcher):
    """Breeds every config from two parents of the living population.

    The population is the youngest ``population_size`` observed configs. Older ones die however
    good they were (ageing), so a lucky measurement does not dominate for ever. With several
    metrics it is the best ones. A parent is the best of ``tournament_size`` members drawn from it.

    Args:
        population_size: at least 2; the first so many configs are random.
        tournament_size: the larger, the greedier; 1 to population_size.
        crossover_probability: the chance of a second parent; the child takes each parameter from
            either parent with equal chance.
        mutation_probability: the chance of each parameter to change; by default one over the
            number of parameters. At least one changes.
    """

    several_metrics = True

    def __init__(
        self,
        space: Space,
        seed: int,
        *,
        population_size: int = 20,
        tournament_size: int = 5,
        crossover_probability: float = 0.5,
        mutation_probability: float | None = None,
    ) -> None:
        super().__init__(space, seed)
        if population_size < 2:
            raise ValueError(f"population_size is {population_size}; it must be at least 2")
        if not 1 <= tournament_size <= population_size:
            raise ValueError(
                f"tournament_size is {tournament_size}; it must be 1 to population_size, "
                f"{population_size}"
            )
        for name, chance in (
            ("crossover_probability", crossover_probability),
            ("mutation_probability", mutation_probability),
        ):
            if chance is not None and not 0 <= chance <= 1:
                raise ValueError(f"{name} is {chance}; it must be 0 to 1")
        self._population_size = population_size
        self._tournament_size = tournament_size
        self._crossover_probability = crossover_probability
        if mutation_probability is None:
            mutation_probability = 1 / max(1, len(space))
        self._mutation_probability = mutation_probability

    def suggest(self, index: int, history: History) -> Config:
        rng = self.rng(index)
        population = self._population(history)
        if len(population) < self._population_size:
            return self.space.sample(rng)
        mother = self._winner(population, rng)
        if rng.random() < self._crossover_probability:
            father = self._winner(population, rng)
            mother = self._child(mother, father, rng)
        chance = self._mutation_probability
        return mutant(self.space, mother, rng, chance=chance, step=_STEP)

    def _population(self, history: History) -> list[tuple[Config, float]]:
        """The living configs; among them, a lower number is better."""
        observed = history.learning_set(enough=self._population_size).observed
        if not any(isinstance(loss, tuple) for _, loss in observed):
            return observed[-self._population_size :]
        best = best_first({place: loss for place, (_, loss) in enumerate(observed)})
        living = best[: self._population_size]
        return [(observed[place][0], rank) for rank, place in enumerate(living)]

    def _winner(self, population: list[tuple[Config, float]], rng: np.random.Generator) -> Config:
        drawn = rng.choice(len(population), self._tournament_size, replace=False)
        winner: Config = min((population[n] for n in drawn), key=lambda tried: tried[1])[0]
        return winner

    def _child(self, mother: Config, father: Config, rng: np.random.Generator) -> Config:
        takes_from = {name: (mother, father)[rng.integers(2)] for name in self.space}

        def value(name: str, domain: Domain) -> Any:
            for parent in (takes_from[name], mother, father):
                if name in parent:
                    return parent[name]
            return domain.from_unit(rng.random())

        return self.space.build(value)
