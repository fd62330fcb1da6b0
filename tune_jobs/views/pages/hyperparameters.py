"""Figures of the hyperparameters of a run: which matter, and which values are good.

Trials that were cut short are not worse than others; they only had less training. So all figures
here compare values after the same number of epochs (`study.compared_epoch`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import combinations
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial
from optuna.visualization import plot_contour, plot_slice
from plotly.graph_objects import Bar, Figure, Parcoords

from tune_jobs.errors import UserError
from tune_jobs.experiment.objective import Objective
from tune_jobs.search_algos.domains import Choice
from tune_jobs.views import texts
from tune_jobs.views.pages import study as studies
from tune_jobs.views.pages.figures import COLORS
from tune_jobs.views.pages.record import Record

AT_MOST = 1000  # trials in a figure; more are no longer told apart
IN_A_FOREST = 300  # trials: fANOVA's time grows with the square of their number
IN_A_CONTOUR = 120  # trials: Optuna's contour grows with the square of their number
FEWEST = 4  # trials from which something can be learnt
TREES = 32  # of the forest that measures importances


class Compared:
    """The trials of a run that can be compared, after the same number of epochs.

    Raises UserError if there are too few.
    """

    def __init__(self, record: Record, objective: Objective | None = None) -> None:
        studies.quiet()
        self.record = record
        self.objective = objective or record.state.objective.each[0]
        epoch = studies.compared_epoch(record)
        self.study = studies.study(record, [self.objective], epoch)
        self.trials = self.study.get_trials(deepcopy=False)
        if epoch is None or len(self.trials) < FEWEST:
            raise UserError(
                f"run {record.name!r} has {len(self.trials)} trials that can be compared; "
                f"hyperparameters need {FEWEST}"
            )
        self.epoch = epoch

    def importance(self) -> Figure:
        """How much of the variation of the metric each hyperparameter explains (fANOVA by Optuna:
        Hutter et al., 2014). One that only some trials have is measured among those."""
        found = dict(sorted(self.importances.items(), key=lambda item: item[1]))
        partly = {name for name in found if name in self._conditional}
        figure = Figure(
            Bar(
                x=list(found.values()),
                y=[f"{name} *" if name in partly else name for name in found],
                text=[f"{share:.0%}" for share in found.values()],
                orientation="h",
                marker={"color": COLORS[0]},
            )
        )
        figure.update_layout(
            xaxis_title=f"share of the variation of {self.objective.metric}",
            xaxis_tickformat=".0%",
            yaxis={"type": "category", "automargin": True},
            height=120 + 32 * len(found),
        )
        return figure

    @cached_property
    def importances(self) -> dict[str, float]:
        """By hyperparameter, the most important one first."""
        trials = self._of(IN_A_FOREST, best=0.0)
        varying = [name for name in self.record.parameters if self._varies(name)]
        always = [name for name in varying if name not in self._conditional]
        found = _importances(trials, always)
        for name in varying:
            if name in self._conditional:
                among = _importances(trials, [*always, name])
                found |= {name: among[name]} if name in among else {}
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def parallel_coordinates(self) -> Figure:
        """Every trial as a line through its values, coloured by the metric; good ones are dark.
        A trial without a hyperparameter has the lowest place there."""
        trials = self._thinned(AT_MOST)
        names = [name for name in self.record.parameters if self._varies(name)]
        values = [trial.value or 0.0 for trial in trials]
        axes = [
            {"label": self.objective.metric, "values": values},
            *(self._axis(name, trials) for name in names),
        ]
        lowest, highest = _useful(values, self.objective.mode)
        figure = Figure(
            Parcoords(
                dimensions=axes,
                labelangle=-25,
                line={
                    "color": values,
                    "colorscale": "Viridis",
                    "cmin": lowest,
                    "cmax": highest,
                    "reversescale": self.objective.mode == "max",
                    "showscale": True,
                },
            )
        )
        figure.update_layout(height=460, margin={"t": 110})
        return figure

    def slice(self) -> Figure:
        """The metric by the values of each hyperparameter; the later a trial, the darker."""
        names = list(self.importances)
        if not names:
            raise UserError("no hyperparameter has more than one value")
        study = self._of(AT_MOST)
        figure = plot_slice(study, params=names, target_name=self.objective.metric)
        figure.update_layout(title=None, width=None, height=340)
        return figure

    def contour(self, params: Sequence[str] | None = None) -> Figure:
        """The metric over two hyperparameters, by default the two most important numbers that some
        trial has together, of those that every trial has if there are two."""
        params = params or next(filter(self._together, combinations(self._numbers(), 2)), ())
        if len(params) < 2 or not self._together(params):
            raise UserError("a contour needs two numbers among the hyperparameters of one trial")
        figure = plot_contour(
            self._of(IN_A_CONTOUR), params=list(params), target_name=self.objective.metric
        )
        figure.update_layout(title=None, height=460)
        return figure

    @cached_property
    def _conditional(self) -> set[str]:
        names = self.record.parameters
        return {name for name in names if any(name not in trial.params for trial in self.trials)}

    def _together(self, names: Sequence[str]) -> bool:
        return any(trial.params.keys() >= set(names) for trial in self.trials)

    def _varies(self, name: str) -> bool:
        return len({str(t.params[name]) for t in self.trials if name in t.params}) > 1

    def _numbers(self) -> list[str]:
        space = self.record.space
        numbers = [n for n in self.importances if not isinstance(space.get(n), Choice)]
        return sorted(numbers, key=lambda name: name in self._conditional)

    def _thinned(self, count: int, best: float = 0.25) -> list[FrozenTrial]:
        """So many trials: a share of them the best, and a regular choice of the others."""
        if len(self.trials) <= count:
            return self.trials
        by_rank = sorted(self.trials, key=self._loss)
        kept, others = by_rank[: int(count * best)], by_rank[int(count * best) :]
        step = math.ceil(len(others) / (count - len(kept)))
        return sorted([*kept, *others[::step]], key=lambda trial: trial.number)

    def _of(self, count: int, best: float = 0.25) -> optuna.Study:
        """A study of them."""
        thin = optuna.create_study(
            directions=self.study.directions, sampler=optuna.samplers.RandomSampler(seed=0)
        )
        for trial in self._thinned(count, best):
            thin._storage.create_new_trial(thin._study_id, template_trial=trial)
        return thin

    def _loss(self, trial: FrozenTrial) -> float:
        value = trial.value if trial.value is not None else math.inf
        return value if self.objective.mode == "min" else -value

    def _axis(self, name: str, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
        values = [trial.params.get(name, _LACKING) for trial in trials]
        known = next(t.distributions[name] for t in self.trials if name in t.params)
        if isinstance(known, CategoricalDistribution):
            places, ticks = _places(values, known.choices)
        else:
            places, ticks = _scaled(values, getattr(known, "log", False))
        return {
            "label": name,
            "values": places,
            "tickvals": list(ticks),
            "ticktext": list(ticks.values()),
        }


_LACKING = object()  # a trial without the hyperparameter


def _places(values: Sequence[Any], choices: Sequence[Any]) -> tuple[list[float], dict[float, str]]:
    """Where the values of a choice are on an axis, and the words there."""
    tried = [choice for choice in choices if choice in values]
    places: list[float] = [tried.index(v) if v is not _LACKING else -1 for v in values]
    return places, {
        **({-1.0: "-"} if _LACKING in values else {}),
        **{float(place): texts.number(choice) for place, choice in enumerate(tried)},
    }


def _scaled(values: Sequence[Any], log: bool) -> tuple[list[float], dict[float, str]]:
    """The same of numbers."""
    scale: Callable[[float], float] = math.log10 if log else float
    present = [scale(value) for value in values if value is not _LACKING]
    low, high = min(present), max(present)
    below = low - 0.1 * ((high - low) or 1.0)
    ticks = {low + (high - low) * quarter / 4: "" for quarter in range(5)}
    words = {place: f"{10**place if log else place:.3g}" for place in ticks}
    places = [below if value is _LACKING else scale(value) for value in values]
    return places, {**({below: "-"} if _LACKING in values else {}), **words}


def _importances(study: optuna.Study, names: list[str]) -> dict[str, float]:
    able = [t for t in study.get_trials(deepcopy=False) if all(n in t.params for n in names)]
    if len(able) < FEWEST or not names or len({trial.value for trial in able}) < 2:
        return {}
    evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=32, seed=0)
    return get_param_importances(study, evaluator=evaluator, params=names)


def _useful(values: Sequence[float], mode: str) -> tuple[float, float]:
    """The range of colours: from the best to the third quarter, so that outliers take no room."""
    quarters = statistics.quantiles(values, n=4)
    return (min(values), quarters[2]) if mode == "min" else (quarters[0], max(values))
