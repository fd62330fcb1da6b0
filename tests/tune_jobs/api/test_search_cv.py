"""`TuneSearchCV` beside scikit-learn's own `GridSearchCV`, on real Ray."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tune_jobs import Choice, Float, Int, TuneSearchCV, UserError
from tune_jobs.views.progress import LineProgress

X, y = load_breast_cancer(return_X_y=True)
PIPELINE = make_pipeline(StandardScaler(), PCA(random_state=0), LogisticRegression(max_iter=500))
GRID = {"pca__n_components": [2, 5], "logisticregression__C": [0.003, 0.1, 3.0]}


def search(estimator: Any, space: Any, **arguments: Any) -> TuneSearchCV:
    options = {"progress": LineProgress(Console(quiet=True)), **arguments.pop("options", {})}
    return TuneSearchCV(estimator, space, options=options, **arguments)


def grid_search(estimator: Any, grid: Any, **arguments: Any) -> TuneSearchCV:
    space = {name: Choice(values) for name, values in grid.items()}
    whole = {"searcher": "grid", "scheduler": "fifo", "num_samples": 6, **arguments}
    return search(estimator, space, **whole)


def by_params(found: Any) -> dict[str, list[Any]]:
    """The rows of cv_results_; equal where every number is."""
    numbers = {
        name: values
        for name, values in found.cv_results_.items()
        if name.endswith("_test_score") or name.startswith("param_")
    }
    keys = [json.dumps(params, sort_keys=True) for params in found.cv_results_["params"]]
    return {
        key: [(name, numbers[name][row]) for name in sorted(numbers)]
        for row, key in enumerate(keys)
    }


def test_a_grid_of_a_pipeline_has_the_numbers_of_scikit_learn(ray_session: None) -> None:
    theirs = GridSearchCV(PIPELINE, GRID, cv=4, scoring="neg_log_loss").fit(X, y)
    ours = grid_search(PIPELINE, GRID, cv=4, scoring="neg_log_loss").fit(X, y)
    assert by_params(ours) == by_params(theirs)
    assert len(by_params(ours)) == 6
    assert ours.best_params_ == theirs.best_params_
    assert ours.best_score_ == theirs.best_score_
    assert ours.cv_results_["params"][ours.best_index_] == ours.best_params_
    assert ours.score(X, y) == theirs.score(X, y)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    assert ours.n_features_in_ == X.shape[1]
    assert list(ours.classes_) == [0, 1]


def test_groups_weights_and_a_regressor_are_passed_on(ray_session: None) -> None:
    inputs, targets = load_diabetes(return_X_y=True, as_frame=True)
    fitted = {
        "groups": np.arange(len(targets)) % 7,
        "sample_weight": np.linspace(0.1, 1, len(targets)),
    }
    grid = {"alpha": [0.01, 0.1, 1.0]}
    folds = GroupKFold(3)
    theirs = GridSearchCV(Ridge(), grid, cv=folds).fit(inputs, targets, **fitted)
    ours = grid_search(Ridge(), grid, cv=folds, num_samples=3).fit(inputs, targets, **fitted)
    assert by_params(ours) == by_params(theirs)
    np.testing.assert_array_equal(ours.best_estimator_.coef_, theirs.best_estimator_.coef_)
    assert list(ours.feature_names_in_) == list(inputs.columns)


def test_a_scheduler_stops_configs_after_their_first_folds(ray_session: None) -> None:
    space = {"logisticregression__C": Float(1e-6, 10, log=True), "pca__n_components": Int(1, 9)}
    found = search(
        PIPELINE,
        space,
        num_samples=8,
        searcher="random",
        refit=False,
        options={"max_concurrent": 1},
    ).fit(X, y)
    scores = np.array([found.cv_results_[f"split{fold}_test_score"] for fold in range(5)])
    measured = np.isfinite(scores).sum(axis=0)
    assert set(measured) > {5}
    assert measured.sum() == found.run_.state.epochs_total < 40
    means = found.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(np.isfinite(means), measured == 5)
    assert found.best_score_ == np.nanmax(means)
    assert found.cv_results_["rank_test_score"][found.best_index_] == 1
    assert not hasattr(found, "predict")


def test_a_config_whose_fit_fails_ranks_last(ray_session: None) -> None:
    space = {"pca__n_components": Choice([3, 300])}
    found = grid_search(PIPELINE, {}, num_samples=2)
    found.set_params(space=space, options={**found.options, "max_failures": 0}).fit(X, y)
    results = found.cv_results_
    assert dict(
        zip(
            [p["pca__n_components"] for p in results["params"]],
            results["rank_test_score"],
            strict=True,
        )
    ) == {3: 1, 300: 2}


def test_a_search_without_any_whole_score_says_why(ray_session: None) -> None:
    options = {"max_failures": 0, "max_concurrent": 1}
    space = {"pca__n_components": Choice([200, 300])}
    found = search(PIPELINE, space, num_samples=2, searcher="grid", options=options)
    with pytest.raises(UserError, match=r"no config has a score in all 5 folds.*n_components=200"):
        found.fit(X, y)


def test_a_misspelt_parameter_is_told_before_anything_starts() -> None:
    misspelt = {"pca__n_componets": Int(1, 9)}
    with pytest.raises(UserError, match=r"'pca__n_componets'.*Pipeline.*'pca__n_components'"):
        TuneSearchCV(PIPELINE, misspelt).fit(X, y)


def test_it_is_cloned_like_any_estimator_and_refuses_several_scores() -> None:
    one = TuneSearchCV(PIPELINE, {"pca__n_components": Int(1, 9)}, num_samples=3, cv=2)
    other = clone(one).set_params(num_samples=4, scoring=["accuracy", "f1"])
    assert other.get_params()["space"] == one.space
    assert other.get_params()["estimator__pca__random_state"] == 0
    assert (one.num_samples, other.num_samples, other.cv) == (3, 4, 2)
    assert "LogisticRegression" in repr(one)
    with pytest.raises(UserError, match=r"accuracy.*one score"):
        other.fit(X, y)
