"""The best config of a run, trained again from scratch on training and validation data."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune_jobs.api import export
from tune_jobs.api.best import best_of
from tune_jobs.errors import UserError
from tune_jobs.job import epoch_checks
from tune_jobs.job.building import Builder, threads_as_in_a_trial
from tune_jobs.models.base import Done, Model
from tune_jobs.models.data import Fold
from tune_jobs.names import field_names
from tune_jobs.views import texts

if TYPE_CHECKING:
    from tune_jobs.api.run import Run


@dataclass(frozen=True)
class Retrained:
    """Attributes:
    epochs: of each training.
    metrics: on the test data, by seed.
    """

    epochs: int
    metrics: Mapping[int, Mapping[str, float]]

    @property
    def mean(self) -> dict[str, float]:
        return {name: statistics.fmean(values) for name, values in self._columns.items()}

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviations over the seeds; 0 for one seed."""
        return {n: statistics.stdev(v) if len(v) > 1 else 0.0 for n, v in self._columns.items()}

    @property
    def words(self) -> str:
        return ", ".join(
            f"{texts.test_name(name)} {texts.number(mean)} ± {texts.number(self.spread[name])}"
            for name, mean in self.mean.items()
        )

    @property
    def _columns(self) -> dict[str, list[float]]:
        rows = list(self.metrics.values())
        return {name: [row[name] for row in rows] for name in rows[0]}


def retrain(run: Run, seeds: int, folder: Path | None, said: Callable[[str], object]) -> Retrained:
    """See `Run.retrain`. The result is also in the run's retrained.json."""
    best = best_of(run)
    if seeds < 1:
        raise UserError(f"seeds is {seeds}; give 1 or more")
    builder = replace(Builder.of(run.job), folds=None)
    _check(builder.model)
    epochs = run.job.max_epochs if run.job.folds else best.epoch
    metrics: dict[int, Mapping[str, float]] = {}
    first = run.job.seed
    # The first one, if any, is exported: a choice by the test would no longer be a test.
    for seed in reversed(range(first, first + seeds)):
        config = builder.config({**best.config, "seed": seed, "fold": Fold(0, 1)})
        with (
            threads_as_in_a_trial(run.job.cpus_per_trial),
            closing(_trained(builder, config, epochs)) as model,
        ):
            metrics[seed] = epoch_checks.numbers("test()", model.test())
            said(f"seed {seed}: {texts.values(metrics[seed])}")
            result = Retrained(epochs, dict(sorted(metrics.items())))
            if folder and seed == first:
                _export(run, model, result, folder)
    content = {"epochs": epochs, "seeds": result.metrics, "mean": result.mean}
    written = json.dumps({**content, "spread": result.spread}, indent=2) + "\n"
    run.folder.place.write("retrained.json", written.encode())
    return result


def _trained(builder: Builder, config: Any, epochs: int) -> Model:
    model = builder.build(config)
    with suppress(Done):
        reached = 0
        while reached < epochs:
            reached = builder.reached(reached, builder.train_epoch(model, reached + 1))
    return model


def _export(run: Run, model: Model, result: Retrained, folder: Path) -> None:
    seed = model.config.seed
    model.config = replace(model.config, fold=None)
    found: dict[str, Any] = {
        "metric": run.state.objective.metric,
        "mode": run.state.objective.mode,
        "trial_id": best_of(run).trial_id,
        "epoch": result.epochs,
        "validation": None,
        "test": result.metrics[seed],
        "retrained": f"Trained again from scratch on training and validation data; over "
        f"{len(result.metrics)} seeds: {result.words}. This is seed {seed}.",
    }
    export.write(run, model, found, folder)


def _check(cls: type[Model]) -> None:
    if missing := {"fold", "seed"} - set(field_names(cls.Config)):
        raise UserError(
            f"{cls.__name__} cannot be trained on training and validation data together: its "
            f"Config has no {' and no '.join(sorted(missing))}; docs/winner.md describes both"
        )
    if cls.test is Model.test:
        raise UserError(f"{cls.__name__} has no test(), so nothing would measure it")
