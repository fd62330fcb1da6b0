"""Several models of a run that predict together, chosen on the validation data.

Greedy selection with replacement (Caruana et al., ICML 2004): in every round the model is added,
maybe once more, with which the mean of the predictions is best.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tune_jobs.api.best import loaded, restored
from tune_jobs.errors import UserError
from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.models.base import Model
from tune_jobs.runs.checkpoints import CheckpointStore, DamagedCheckpointError
from tune_jobs.search_algos.order import parts

if TYPE_CHECKING:
    from tune_jobs.api.run import Run


@dataclass(frozen=True)
class Ensemble:
    """Attributes:
    members: how often each checkpoint counts.
    value: of the job's metric, on the validation data.
    test: metrics on the test data; None if the model has none.
    single, single_value, single_test: the same of the best model alone.
    left_out: why checkpoints did not take part.
    """

    members: Mapping[CheckpointRef, int]
    value: float
    test: Mapping[str, float] | None
    single: CheckpointRef
    single_value: float
    single_test: Mapping[str, float] | None
    left_out: list[str]


def ensemble(run: Run, size: int) -> Ensemble:
    """See `Run.ensemble`. The result is also in the run's ensemble.json."""
    if size < 1:
        raise UserError(f"size is {size}; an ensemble has 1 member or more")
    left_out: list[str] = []
    found: dict[CheckpointRef, NDArray[Any]] = {}
    judge: Model | None = None
    for ref, model in _models(run, left_out):
        _check(model)
        found[ref] = np.asarray(model.predictions("validation"))
        judge = judge or model
    if judge is None:
        raise UserError(f"run {run.name!r} has no checkpoint that can be loaded", *left_out)
    loss = _Loss(run, judge)
    chosen = _chosen(found, loss, size)
    single = min(found, key=lambda ref: loss(found[ref]))
    members = Counter(chosen)
    together = np.mean([found[ref] for ref in chosen], axis=0)
    tested = _tested(run, {*members, single})
    objective = run.state.objective.each[0]
    result = Ensemble(
        members,
        objective.value(loss(together)),
        dict(judge.judge("test", np.mean([tested[ref] for ref in chosen], axis=0)))
        if tested
        else None,
        single,
        objective.value(loss(found[single])),
        dict(judge.judge("test", tested[single])) if tested else None,
        left_out,
    )
    run.folder.place.write("ensemble.json", _as_json(result).encode())
    return result


class _Loss:
    """Of predictions on the validation data, by the job's first metric; lower is better."""

    def __init__(self, run: Run, judge: Model) -> None:
        self._objective, self._judge = run.state.objective.each[0], judge

    def __call__(self, predictions: NDArray[Any]) -> float:
        metrics = self._judge.judge("validation", predictions)
        loss = self._objective.loss(metrics)
        if loss is None:
            raise UserError(
                f"an ensemble cannot be chosen by {self._objective.metric!r}; predictions have "
                f"{', '.join(metrics)}"
            )
        (one,) = parts(loss)
        return one


def _chosen(
    found: Mapping[CheckpointRef, NDArray[Any]], loss: _Loss, size: int
) -> list[CheckpointRef]:
    """The members in the order of their choice: up to ``size``, as many as are best together."""
    chosen: list[CheckpointRef] = []
    best: list[CheckpointRef] = []
    best_loss, total = float("inf"), 0.0 * next(iter(found.values()))
    for count in range(1, size + 1):
        losses = {ref: loss((total + found[ref]) / count) for ref in found}
        ref = min(losses, key=losses.__getitem__)
        total = total + found[ref]
        chosen.append(ref)
        if losses[ref] < best_loss:
            best, best_loss = list(chosen), losses[ref]
    return best


def _models(run: Run, left_out: list[str]) -> Iterator[tuple[CheckpointRef, Model]]:
    """The models of all checkpoints of the run, by trial and epoch."""
    store = CheckpointStore(run.folder.checkpoints)
    for trial_id, sizes in sorted(store.sizes().items()):
        for epoch in sorted(sizes):
            ref = CheckpointRef(trial_id, epoch)
            try:
                model = restored(run, ref, store.saved(ref).config)
            except DamagedCheckpointError as error:
                left_out.append(str(error))
                continue
            with closing(model):
                yield ref, model


def _tested(run: Run, refs: set[CheckpointRef]) -> dict[CheckpointRef, NDArray[Any]] | None:
    """The predictions on the test data; None if the model has no test."""
    if run.job.model_class().test is Model.test:
        return None
    store, found = CheckpointStore(run.folder.checkpoints), {}
    for ref in sorted(refs):
        with closing(loaded(run, ref, store.saved(ref).config)) as model:
            found[ref] = np.asarray(model.predictions("test"))
    return found


def _check(model: Model) -> None:
    cls = type(model)
    if cls.predictions is Model.predictions or cls.judge is Model.judge:
        raise UserError(
            f"{cls.__name__} cannot be in an ensemble: it has no predictions(split) and "
            "judge(split, predictions), which docs/winner.md describes"
        )


def _as_json(result: Ensemble) -> str:
    members = [{**ref._asdict(), "times": n} for ref, n in result.members.items()]
    content = {**vars(result), "members": members, "single": result.single._asdict()}
    return json.dumps(content, indent=2) + "\n"
