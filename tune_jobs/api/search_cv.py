"""A search over the hyperparameters of a scikit-learn estimator."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _fit_and_score
from sklearn.utils import indexable

from tune_jobs.api.run import Run, run
from tune_jobs.errors import UserError, nearest
from tune_jobs.job.overrides import job_of
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.search_algos.space import split


class TuneSearchCV(BaseSearchCV):  # type: ignore[misc]  # scikit-learn has no types
    """Used as `sklearn.model_selection.GridSearchCV`; the search is a run of tune-jobs.

    A trial is a config, an epoch is a fold, so a scheduler can stop a config after its first
    folds. Such a config has NaN for the other folds and for its mean, as one whose fit fails, and
    ranks last. ``fit_time`` includes the scoring; there is no ``score_time``. One score only: no
    dict or list of scores.

    Args:
        estimator: also a pipeline.
        space: parameter (``step__parameter`` in a pipeline) -> Float, Int, Choice, or a plain
            value for all configs.
        cv, scoring, refit: as for `GridSearchCV`.
        searcher, scheduler, num_samples: as in a `TuneJob`.
        options: other arguments of `tune_jobs.run`: its ``name``, ``storage`` and ``progress``, and
            fields of the job such as ``seed``, ``max_concurrent`` or ``scheduler_options``.
        resume: a run of this search, by name or path, that was interrupted; ``fit``, with the same
            data, continues it.

    Attributes:
        run_: the run.
    """

    def __init__(
        self,
        estimator: Any,
        space: Mapping[str, Any],
        *,
        cv: Any = 5,
        scoring: Any = None,
        searcher: Any = "bayesopt",
        scheduler: Any = "asha",
        num_samples: int = 20,
        refit: Any = True,
        options: Mapping[str, Any] | None = None,
        resume: str | None = None,
    ) -> None:
        super().__init__(estimator, scoring=scoring, refit=refit, cv=cv, return_train_score=False)
        self.space = space
        self.searcher = searcher
        self.scheduler = scheduler
        self.num_samples = num_samples
        self.options = options
        self.resume = resume

    def fit(self, X: Any, y: Any = None, **params: Any) -> TuneSearchCV:  # noqa: N803
        """Finds the best parameters and, with ``refit``, fits them on all data.

        Args:
            params: for the estimator's ``fit``; ``groups`` is for the splitter.

        Raises UserError as `tune_jobs.run` does, for a parameter that the estimator does not have,
        if the run was interrupted, and if no config has a score in all folds.
        """
        self._check()
        X, y = indexable(X, y)  # noqa: N806
        routed = self._get_routed_params_for_fit(params)
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(cv.split(X, y, **routed.splitter.split))
        self.scorer_ = check_scoring(self.estimator, self.scoring)
        self.multimetric_ = False
        self.n_splits_ = len(splits)
        work = _Work(clone(self.estimator), X, y, splits, self.scorer_, routed)
        self.run_ = self._run(self._job(work))
        self.cv_results_ = self._results(self.run_)
        self.best_index_ = self._select_best_index(self.refit, "score", self.cv_results_)
        self.best_params_ = self.cv_results_["params"][self.best_index_]
        if not callable(self.refit):
            self.best_score_ = self.cv_results_["mean_test_score"][self.best_index_]
        if self.refit:
            self._refit(work)
        return self

    def _check(self) -> None:
        if isinstance(self.scoring, (list, tuple, set, dict)):
            raise UserError(f"scoring is {self.scoring!r}; give one score, such as 'accuracy'")
        known = self.estimator.get_params()
        for name in self.space:
            if name not in known:
                owner = type(self.estimator).__name__
                depth = name.count("__")
                hint = nearest(name, (other for other in known if other.count("__") == depth))
                raise UserError(f"the space has {name!r}, which {owner} does not have; {hint}")

    def _job(self, work: _Work) -> TuneJob:
        from tune_jobs.on_ray.packed import with_data  # Ray takes seconds to import

        return job_of(
            with_data(score, work=work),
            {
                "name": type(self.estimator).__name__,
                "space": dict(self.space),
                "metric": "score",
                "mode": "max",
                "searcher": self.searcher,
                "scheduler": self.scheduler,
                "num_samples": self.num_samples,
                "folds": self.n_splits_,
                "max_epochs": 1,
            },
        )

    def _run(self, job: TuneJob) -> Run:
        options = dict(self.options or {})
        if self.resume is None:
            done = run(job, **options)
        else:
            options.pop("name", None)
            opened = Run.open(self.resume, options.pop("storage", None))
            done = opened.resume(job=job, **options)
        if done.status != "finished":
            raise UserError(f"run {done.name!r} is {done.status}; resume={done.name!r} goes on")
        trials = done.state.trials.values()
        whole = (trial.metrics["score"] for trial in trials if trial.epoch == self.n_splits_)
        if not any(map(math.isfinite, whole)):
            notes = [trial.note.splitlines()[-1] for trial in trials if trial.note]
            raise UserError(
                f"run {done.name!r}: no config has a score in all {self.n_splits_} folds; mend "
                f"this and fit again: {notes[0] if notes else 'all scores are NaN'}"
            )
        return done

    def _results(self, done: Run) -> dict[str, Any]:
        """The table of all trials, in the order of their numbers."""
        constants = split(dict(self.space))[1]
        trials = done.state.trials
        folds = done.epochs().set_index(["trial_id", "epoch"])
        cells = [(trial, fold + 1) for trial in trials for fold in range(self.n_splits_)]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
            results = self._format_results(
                [{**constants, **trial.config} for trial in trials.values()],
                self.n_splits_,
                [
                    {"test_scores": score, "fit_time": seconds, "score_time": np.nan}
                    for score, seconds in folds.reindex(cells)[["score_fold", "seconds"]].to_numpy()
                ],
            )
        return {name: of for name, of in results.items() if not name.endswith("score_time")}

    def _refit(self, work: _Work) -> None:
        start = time.perf_counter()
        self.best_estimator_ = clone(work.estimator).set_params(**self.best_params_)
        target = () if work.y is None else (work.y,)
        self.best_estimator_.fit(work.X, *target, **work.params.estimator.fit)
        self.refit_time_ = time.perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


@dataclass(frozen=True)
class _Work:
    """All that the trials of a search share."""

    estimator: Any
    X: Any
    y: Any
    splits: list[Any]  # train and test rows of each fold
    scorer: Any
    params: Any  # for the estimator's fit, and for the scorer


def score(config: Any, work: _Work) -> float:
    """The training function of a search: fits and scores one fold."""
    train, test = work.splits[config.fold.number]
    measured = _fit_and_score(
        clone(work.estimator),
        work.X,
        work.y,
        scorer=work.scorer,
        train=train,
        test=test,
        verbose=0,
        parameters=dict(config),
        fit_params=work.params.estimator.fit,
        score_params=work.params.scorer.score,
        error_score="raise",
    )
    return float(measured["test_scores"])
