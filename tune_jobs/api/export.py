"""The best model of a run as a folder that can be taken along."""

from __future__ import annotations

import dataclasses
import inspect
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tune_jobs.api import export_texts as texts
from tune_jobs.api.best import best_of
from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Reported
from tune_jobs.models.base import Model, TrainingError
from tune_jobs.models.functions.function import Function
from tune_jobs.runs.folder import write_json

if TYPE_CHECKING:
    from tune_jobs.api.run import Run


def export(run: Run, folder: Path, *, onnx: bool = False) -> None:
    """Writes the model of the best epoch into a new folder; see `Run.export`."""
    best = best_of(run)
    with closing(best.load()) as model:
        found = {
            "metric": run.state.objective.metric,
            "mode": run.state.objective.mode,
            "trial_id": best.trial_id,
            "epoch": best.epoch,
            "validation": _reported(run, best.trial_id, best.epoch),
            "test": best.test,
        }
        write(run, model, found, folder, onnx=onnx)


def write(
    run: Run, model: Model, metrics: Mapping[str, Any], folder: Path, *, onnx: bool = False
) -> None:
    """Writes a model of a run with its metrics: all of the folder or nothing."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} exists; give a folder that does not exist, or is empty")
    if isinstance(model, Function):
        raise UserError(
            f"the model of run {run.name!r} is a training function, of whose state only the "
            "function knows what it is; `Run.open(...).best.load().state` gives it"
        )
    unfinished = folder.absolute().with_name(f".{folder.name}-{uuid4().hex[:8]}")
    unfinished.mkdir(parents=True)
    try:
        _fill(unfinished, run, model, metrics, onnx)
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(folder: Path, run: Run, model: Model, metrics: Mapping[str, Any], onnx: bool) -> None:
    name = _with_code(type(model), folder)
    try:
        model.export(folder)
    except NotImplementedError as error:
        raise UserError(f"the model cannot be exported: {error}") from error
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "config.json", {"model": name, "config": dataclasses.asdict(model.config)})
    said = texts.Described(run, model, metrics, name)
    (folder / "predict.py").write_text(texts.script(said, folder))
    apart = _onnx(model, folder / "model.onnx") if onnx else None
    (folder / "README.md").write_text(texts.card(said, folder, apart))


def _with_code(cls: type[Model], folder: Path) -> str:
    """The name under which the exported folder finds a class; its file is copied there, unless it
    is installed."""
    file = Path(inspect.getfile(cls))
    if cls.__module__.startswith("tune_jobs.") or "site-packages" in file.parts:
        return f"{cls.__module__}:{cls.__qualname__}"
    if not file.is_file() or "<" in cls.__qualname__:
        raise UserError(
            f"{cls.__qualname__} is not in a file, so another process cannot have it; put the "
            "class into a file of its own"
        )
    shutil.copy(file, folder / file.name)
    return f"{file.stem}:{cls.__qualname__}"


def _onnx(model: Model, file: Path) -> float:
    from tune_jobs.models.training.supervised import Supervised

    if not isinstance(model, Supervised):
        raise UserError(
            f"--onnx is for networks with labelled examples, and {type(model).__name__} is none"
        )
    try:
        from tune_jobs.models.training import onnx_file

        return onnx_file.write(model, file)
    except ModuleNotFoundError as error:
        raise UserError(f"--onnx needs {error.name}: pip install 'tune-jobs[onnx]'") from error
    except TrainingError as error:
        raise UserError(str(error)) from error


def _reported(run: Run, trial_id: int, epoch: int) -> dict[str, float]:
    """The metrics of an epoch; the last report of it counts."""
    found = [
        fact.metrics
        for fact in run.facts
        if isinstance(fact, Reported) and (fact.trial_id, fact.epoch) == (trial_id, epoch)
    ]
    return dict(found[-1])
