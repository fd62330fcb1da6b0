"""A training function as a `Model`; an epoch is what it does between two reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from tune_jobs.models import randomness
from tune_jobs.models.base import Done, Metrics, Model, TrainingError
from tune_jobs.models.functions.config import FunctionConfig, Hyperparameters
from tune_jobs.models.functions.session import Session
from tune_jobs.models.functions.state import State

_REST = "function.json"


class Function(Model):
    """A training that is one call of ``train(config)``, in a thread of its own.

    Subclasses are made by `model_of`, one for each function.
    """

    Config = FunctionConfig
    keeps_random_numbers = True
    train: ClassVar[Callable[..., Any]]
    test_best: ClassVar[Callable[..., Any]]
    names: ClassVar[frozenset[str]]
    metric: ClassVar[str]

    def __init__(self, config: FunctionConfig) -> None:
        super().__init__(config)
        self._state = State()
        self._epoch = 0
        self._session: Session | None = None
        self._reported = 0  # by this session and what it was restored from

    @property
    def state(self) -> Any:
        """The newest state that the function reported; the path of a file or folder."""
        return self._state.value

    def train_epoch(self) -> Metrics:
        session = self._session = self._session or self._begin()
        while self._reported <= self._epoch:
            self.trial.epoch = self._reported + 1  # it may begin anew
            found = session.next_report()
            if found is None:
                raise Done(self._how_it_ended)
            self._reported += 1
            if found.state is not None:
                self._state.take(found.state, self._reported)
            metrics = found.metrics
        self._epoch += 1
        return metrics

    def evaluate(self) -> Metrics:
        return {}

    def test(self) -> Metrics:
        """What the ``test`` function returns."""
        measured = type(self).test_best(self._hyperparameters, self.state)
        is_one = measured is not None and not isinstance(measured, Mapping)
        return {self.metric: measured} if is_one else measured

    def reconfigure(self, config: FunctionConfig) -> None:
        if not self._state.epoch:
            raise TrainingError(
                "a clone needs the state of the trial that it is a clone of, and the function "
                "reports none: give report(metrics, state=...)"
            )
        self._end()
        self.config = config

    def close(self) -> None:
        self._end()
        self._state.close()

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._end()
        self._epoch = state["epoch"]

    def save(self, folder: Path) -> None:
        rest = {**self.state_dict(), **self._state.save(folder)}
        (folder / _REST).write_text(json.dumps(rest))

    def load(self, folder: Path) -> None:
        rest = json.loads((folder / _REST).read_text())
        self.load_state_dict(rest)
        self._state.load(folder, rest)

    @property
    def _how_it_ended(self) -> str:
        if not self._reported:
            return (
                "the function ended and reported nothing: it has to call report(metrics) in the "
                "thread that it is called in, or return metrics or yield them"
            )
        plural = "" if self._reported == 1 else "s"
        return f"the function returned after {self._reported} report{plural}"

    @property
    def _hyperparameters(self) -> Hyperparameters:
        return Hyperparameters(self.config, self.names)

    def _begin(self) -> Session:
        self._reported = self._state.epoch
        randomness.seed(self.config.seed, 0)
        work = partial(type(self).train, self._hyperparameters)
        return Session(work, self.metric, self._state)

    def _end(self) -> None:
        session, self._session = self._session, None
        if session:
            session.end()


def model_of(
    train: Callable[..., Any],
    test: Callable[..., Any] | None,
    names: frozenset[str],
    metric: str,
) -> type[Function]:
    """A training function as a model class.

    Args:
        train: gets the config, an object of `Hyperparameters`.
        test: gets the config and the state of the best epoch; returns metrics.
        names: of the space.
        metric: the name of a number that the function returns.
    """
    inner = getattr(train, "func", train)  # of a functools.partial
    return type(
        getattr(inner, "__name__", type(inner).__name__),
        (Function,),
        {
            "__module__": getattr(inner, "__module__", __name__),
            "train": staticmethod(train),
            **({"test_best": staticmethod(test)} if test else {"test": Model.test}),
            "names": names,
            "metric": metric,
        },
    )
