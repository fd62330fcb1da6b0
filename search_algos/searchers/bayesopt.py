"""Bayesian optimization with a Gaussian process, on bayesian-optimization (Nogueira, 2014).

The library brings the acquisition functions and their maximisation, scikit-learn the Gaussian
process. Both work on the unit cube, where log scales are straight, through a kernel that sees
steps as steps, a choice without an order, and nothing of inactive parameters.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from bayes_opt.acquisition import (
    AcquisitionFunction,
    ExpectedImprovement,
    ProbabilityOfImprovement,
    UpperConfidenceBound,
)
from bayes_opt.parameter import wrap_kernel
from bayes_opt.target_space import TargetSpace
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel
from sklearn.preprocessing import PowerTransformer
from threadpoolctl import threadpool_limits

from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config, Space
from tune_jobs.search_algos.unit_cube import Features, Points

_CANDIDATES = 2000  # random points at which the acquisition function is looked up
_STARTS = 2  # of them, the best, from which its maximum is climbed
_BATCHES = 4  # of candidates, if a constraint allows few of them
_HUGE = 1e30
_LENGTH_SCALES = slice(1, -1)  # among the kernel's parameters, between variance and noise
_FIT_STEPS = 25  # evaluations of the likelihood: its last digits are not worth the wait


class BayesOptSearch(Searcher):
    """Suggests the config from which a Gaussian process expects most.

    The losses are made roughly normal first (Yeo & Johnson, 2000), so a few terrible ones do
    not flatten the rest. A running config without a loss counts as if it had the loss that the
    process predicts, so parallel suggestions spread.

    Args:
        acquisition: ``"ei"`` (expected improvement), ``"poi"`` (probability of improvement)
            or ``"ucb"`` (upper confidence bound).
        xi: least improvement to look for, in standard deviations, for ei and poi; at least 0.
        kappa: standard deviations that ucb adds to the prediction; at least 0.
        n_startup: observations, from random configs, before the process is used.

    Raises ValueError for values out of range.
    """

    takes_long = True

    def __init__(
        self,
        space: Space,
        seed: int,
        *,
        acquisition: Literal["ei", "poi", "ucb"] = "ei",
        xi: float = 0.0,
        kappa: float = 2.576,
        n_startup: int | None = None,
    ) -> None:
        super().__init__(space, seed)
        functions: dict[str, Callable[[], AcquisitionFunction]] = {
            "ei": lambda: ExpectedImprovement(xi),
            "poi": lambda: ProbabilityOfImprovement(xi),
            "ucb": lambda: UpperConfidenceBound(kappa),
        }
        if acquisition not in functions:
            raise ValueError(f"acquisition is {acquisition!r}; it must be ei, poi or ucb")
        if xi < 0 or kappa < 0:
            raise ValueError(f"xi is {xi}, kappa is {kappa}; both must be at least 0")
        if n_startup is not None and n_startup < 1:
            raise ValueError(f"n_startup is {n_startup}; it must be at least 1")
        self._make_acquisition = functions[acquisition]
        # One more than the parameters: fewer points tell no directions apart (as in BOHB).
        self._n_startup = n_startup or len(space) + 1
        self._features = Features(space)

    def suggest(self, index: int, history: History) -> Config:
        rng = self.rng(index)
        _, observed, pending = history.learning_set(enough=self._n_startup).thinned(rng)
        if len(observed) < self._n_startup:
            return self.space.sample(rng)
        tried = self._points([config for config, _ in observed])
        targets = _roughly_normal(np.array([-loss for _, loss in observed]))
        # Threads cost more than they bring on matrices of this size.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a fit that ends at a bound
            best = self._best_point(tried, targets, self._points(pending), rng)
        return self.space.decode(best.tolist())

    def _points(self, configs: list[Config]) -> Points:
        return np.array([self.space.encode(c) for c in configs]).reshape(-1, len(self.space))

    def _best_point(
        self, points: Points, targets: Points, pending: Points, rng: np.random.Generator
    ) -> Points:
        process = _process(self._kernel(), _fit).fit(points, targets)
        points = np.concatenate([points, pending])
        if len(pending):
            targets = np.concatenate([targets, process.predict(pending)])
        space = _Candidates(self.space)
        _, first = np.unique(points, axis=0, return_index=True)
        for n in first:
            space.register(points[n], targets[n])
        seed = int(rng.integers(2**31))

        def best(starts: int) -> Points:
            return self._make_acquisition().suggest(
                _process(process.kernel_, None),
                space,
                n_random=_CANDIDATES,
                n_smart=starts,
                random_state=seed,
            )

        found = best(_STARTS)
        # A climb may leave what the constraints allow, the random points do not.
        return found if space.is_allowed(found) else best(0)

    def _kernel(self) -> Kernel:
        matern = Matern(np.full(self._features.count, 0.5), (0.05, 10.0), nu=2.5)
        return ConstantKernel(1.0, (0.05, 20.0)) * wrap_kernel(
            matern, self._features
        ) + WhiteKernel(1e-3, (1e-6, 1e-1))


class _Candidates(TargetSpace):
    """The unit cube of a space, of which only allowed points are random samples."""

    def __init__(self, space: Space) -> None:
        super().__init__(None, {f"{n:04d}": (0.0, 1.0) for n in range(len(space))})
        self._space = space

    def is_allowed(self, point: Points) -> bool:
        return not self._space.constraints or self._space.allows(self._space.decode(point.tolist()))

    def random_sample(self, n_samples: int = 0, random_state: Any = None) -> Points:
        """At most ``n_samples`` points, at least one; fewer where few are allowed."""
        points = super().random_sample(n_samples, random_state)
        if not self._space.constraints:
            return points
        found = [point for point in points if self.is_allowed(point)]
        for _ in range(_BATCHES):
            if len(found) >= n_samples / 2:
                break
            more = super().random_sample(n_samples, random_state)
            found += [point for point in more if self.is_allowed(point)]
        return np.array(found or [self._space.encode(self._space.sample(random_state))])


Loss = Callable[[Points], tuple[float, Points]]  # with its gradient
Fit = Callable[[Loss, Points, Points], tuple[Points, float]]


def _process(kernel: Kernel, fit: Fit | None) -> GaussianProcessRegressor:
    return GaussianProcessRegressor(kernel, alpha=1e-8, normalize_y=True, optimizer=fit)


def _fit(loss: Loss, start: Points, bounds: Points) -> tuple[Points, float]:
    """The most likely kernel, with a prior that length scales are similar.

    A few trials often look as if a parameter did not matter at all, and a process that believes
    this never looks elsewhere again. So a normal prior of variance 1/2 pulls the logarithms of the
    length scales to their mean.
    """

    def penalised(theta: Points) -> tuple[float, Points]:
        value, gradient = loss(theta)
        scales = theta[_LENGTH_SCALES]
        apart = scales - scales.mean()
        gradient = gradient.copy()
        gradient[_LENGTH_SCALES] += 2 * apart
        return value + float(apart @ apart), gradient

    options = {"maxfun": _FIT_STEPS}
    found = minimize(penalised, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return found.x, found.fun


def _roughly_normal(targets: Points) -> Points:
    # A diverging loss may be huge, and its square no number any more.
    bounded = np.clip(targets, -_HUGE, _HUGE)
    if np.ptp(bounded) == 0:
        return bounded
    normal: Points = PowerTransformer().fit_transform(bounded[:, None])[:, 0]
    return normal
