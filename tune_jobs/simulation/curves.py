"""Learning curves for simulated runs: recorded ones, and ones given by a formula."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from zipfile import BadZipFile

from tune_jobs.errors import UserError, counted, nearest
from tune_jobs.experiment.objective import Objective
from tune_jobs.search_algos.domains import Choice, Domain
from tune_jobs.search_algos.space import Space
from tune_jobs.simulation.simulate import Curve, Epoch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Curves(Curve, Protocol):
    """Curves whose best value of the metric is known."""

    optimum: float


class ClosedForm:
    """Made-up losses between 0 and 1 over any space, with one best config for each metric.

    A config at distance d from the best one, as a share of the cube's diagonal, has the loss
    d + (1 - d) (1 + epoch)^-a. The further its first parameter is from the best, the slower it
    learns (a from 1.5 down to 0.5), so early losses mislead, as in real training. An epoch takes
    0.5 to 1.5 virtual seconds, depending on the last parameter.

    Args:
        seed: of the best configs.
        max_epochs: after which the optimum is reached.
    """

    def __init__(self, space: Space, objective: Objective, max_epochs: int, seed: int) -> None:
        import numpy as np

        self._space = space
        keys = [[seed, 1_000_003, number] for number in range(len(objective.metrics))]
        bests = [space.encode(space.sample(np.random.default_rng(key))) for key in keys]
        self._bests = list(zip(objective.each, bests, strict=True))
        self.optimum = objective.each[0].value(_loss(0.0, 0.0, max_epochs))

    def __call__(self, config: Mapping[str, Any], epoch: int) -> Epoch:
        point = self._space.encode(config)
        metrics: dict[str, float] = {}
        for objective, best in self._bests:
            away = [
                abs(u - b) if name in config else 0.0
                for name, u, b in zip(self._space, point, best, strict=True)
            ]
            distance = (sum(a * a for a in away) / len(away)) ** 0.5
            metrics |= objective.values(_loss(distance, away[0], epoch))
        return Epoch(metrics, 0.5 + point[-1])


def _loss(distance: float, slowness: float, epoch: int) -> float:
    return distance + (1 - distance) * math.pow(1 + epoch, slowness - 1.5)


class Recorded:
    """Curves of configs that were trained once; any other config has the curve of its nearest
    neighbour in the unit cube of the space.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        configs: NDArray[np.float64],
        values: Mapping[str, NDArray[np.float64]],
        seconds: NDArray[np.float64],
    ) -> None:
        """Args:
        configs: numbers (n, parameters), in the order of the space.
        values: of each metric (n, epochs).
        seconds: since the start of training (n, epochs).
        """
        import numpy as np

        self._space = space
        if not all(np.isfinite(array).all() for array in (*values.values(), seconds)):
            raise ValueError("some values or times are not finite numbers")
        self._points = np.array([space.encode(_config(space, row)) for row in configs])
        self._values = values
        self._seconds = np.maximum.accumulate(seconds, axis=1)
        self._rows: dict[tuple[float, ...], int] = {}
        first = values[objective.metric]
        self.optimum = float(first.min() if objective.mode == "min" else first.max())

    @classmethod
    def read(cls, place: str, space: Space, objective: Objective) -> Recorded:
        """From ``file.npz`` or ``file.npz:task``: arrays ``configs`` (n, parameters), ``time``
        (n, epochs) and one with the name of each metric (n, epochs). With an array ``tasks`` of
        names, all but ``configs`` have one more dimension in front.

        Raises UserError if the file cannot be read or does not have these arrays.
        """
        import numpy as np

        path, _, task = place.partition(":")
        try:
            with np.load(path) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
            raise UserError(
                f"curves {path!r} cannot be read as an .npz file of arrays: {error}"
            ) from error
        for name in ("configs", "time", *objective.metrics):
            if name not in arrays:
                raise UserError(f"curves {path!r} have no array {name!r}; {nearest(name, arrays)}")
        values = {metric: arrays[metric] for metric in objective.metrics}
        seconds = arrays["time"]
        if "tasks" in arrays:
            tasks = [str(name) for name in arrays["tasks"]]
            if task not in tasks:
                raise UserError(
                    f"curves {path!r} have no task {task!r}; give {path}:TASK, "
                    f"one of {', '.join(tasks)}"
                )
            number = tasks.index(task)
            values = {metric: array[number] for metric, array in values.items()}
            seconds = seconds[number]
        configs = arrays["configs"]
        if configs.shape[1:] != (len(space),):
            raise UserError(
                f"curves {path!r} have configs of shape {configs.shape}, the space has "
                f"{len(space)} parameters: {', '.join(space)}"
            )
        for metric, array in values.items():
            if not array.shape == seconds.shape == (len(configs), *array.shape[1:2]):
                raise UserError(
                    f"curves {path!r} have {metric!r} of shape {array.shape} and 'time' of "
                    f"shape {seconds.shape}; both must be ({len(configs)}, epochs)"
                )
        try:
            values = {metric: array.astype(np.float64) for metric, array in values.items()}
            numbers = [array.astype(np.float64) for array in (configs, seconds)]
            return cls(space, objective, numbers[0], values, numbers[1])
        except (ValueError, IndexError) as error:
            raise UserError(f"curves {path!r} do not fit the space: {error}") from error

    def check_epochs(self, max_epochs: int) -> None:
        """Raises UserError if trials would train longer than the recorded curves."""
        recorded = self._seconds.shape[1]
        if max_epochs > recorded:
            raise UserError(
                f"max_epochs is {max_epochs}; the curves have {counted(recorded, 'epoch')}: "
                f"give --max-epochs {recorded} or less"
            )

    def __call__(self, config: Mapping[str, Any], epoch: int) -> Epoch:
        row = self._row(config)
        before = self._seconds[row, epoch - 2] if epoch > 1 else 0.0
        took = max(float(self._seconds[row, epoch - 1] - before), 1e-3)
        metrics = {metric: float(array[row, epoch - 1]) for metric, array in self._values.items()}
        return Epoch(metrics, took)

    def _row(self, config: Mapping[str, Any]) -> int:
        point = tuple(self._space.encode(config))
        if point not in self._rows:
            self._rows[point] = int(((self._points - point) ** 2).sum(axis=1).argmin())
        return self._rows[point]


def _config(space: Space, row: NDArray[np.float64]) -> dict[str, Any]:
    """Numbers from a file as values of the space. For a Choice the number is the position in its
    list; a number just outside a range is moved to its end; inactive parameters are ignored."""
    numbers = dict(zip(space, row.tolist(), strict=True))

    def value(name: str, domain: Domain) -> Any:
        if isinstance(domain, Choice):
            return domain.value_at(range(domain.size)[int(numbers[name])])
        low, high = domain.extremes()
        return domain.from_unit(domain.to_unit(min(max(numbers[name], low), high)))

    return space.build(value)
