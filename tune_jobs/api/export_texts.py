"""The script and the model card of an exported model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune_jobs.models.base import Model

if TYPE_CHECKING:
    from tune_jobs.api.run import Run

_HEAD = '''"""Predicts with a model that tune-jobs found: see README.md.

    python predict.py                          measures it again, on the data sets' splits
    python predict.py INPUTS.npy OUTPUTS.npy   predicts; inputs are raw, as in the data set
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
'''
_TAIL = """

if __name__ == "__main__":
    if len(sys.argv) == 3:
        np.save(sys.argv[2], predict(np.load(sys.argv[1], allow_pickle=False)))
    else:
        print(json.dumps(measured(), indent=2))
"""
_NETWORK = """

from tune_jobs.models.exported import load

model = load(HERE)


def predict(x):
    import torch

    return model.predict(torch.from_numpy(np.asarray(x))).numpy()


def measured():
    return %(measured)s
"""
_OWN = """

from tune_jobs.models.exported import load

model = load(HERE)


def predict(x):
    return model.predict(x)


def measured():
    return {name: float(value) for name, value in %(measured)s.items()}
"""
_SKLEARN = """

from skops.io import load

TRUSTED = %(trusted)r  # the only classes besides skops' own list that may be in the file
model = load(HERE / "model.skops", trusted=TRUSTED)


def predict(x):
    rows = np.asarray(x, dtype=np.float32).reshape(len(x), -1)
    return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)


def measured():
    from tune_jobs.models import data  # only for this
    from tune_jobs.models.training.judging import judged

    least = 1 / len(data.load(%(dataset)r, "train").y)
    metrics = {}
    for split in %(splits)r:
        x, y = data.load(%(dataset)r, split)
        metrics |= judged(split, predict(x), y, least)
    return metrics
"""


@dataclass(frozen=True)
class Described:
    """A model of a run, with its metrics and the name of its class."""

    run: Run
    model: Model
    metrics: Mapping[str, Any]
    name: str


def script(said: Described, folder: Path) -> str:
    """predict.py."""
    is_new = said.metrics["validation"] is None  # it was trained on the validation data
    values: dict[str, Any] = {
        "splits": ["test"] if is_new else ["validation", "test"],
        "measured": "model.test()" if is_new else "{**model.evaluate(), **model.test()}",
    }
    skops = folder / "model.skops"
    if skops.exists():
        from skops.io import get_untrusted_types

        trusted = get_untrusted_types(file=skops)  # just written, by a model that was trained here
        values |= {"trusted": trusted, "dataset": getattr(said.model.config, "dataset", "")}
        return f"{_HEAD}{_SKLEARN % values}{_TAIL}"
    from tune_jobs.models.training.supervised import Supervised

    body = _NETWORK if isinstance(said.model, Supervised) else _OWN
    return f"{_HEAD}{body % values}{_TAIL}"


def card(said: Described, folder: Path, onnx: float | None) -> str:
    """README.md."""
    return "\n".join(_card(said, folder, onnx)) + "\n"


def _card(said: Described, folder: Path, onnx: float | None) -> Iterator[str]:
    run, config, metrics = said.run, vars(said.model.config), said.metrics
    yield f"# {run.declared.name}: {type(said.model).__name__}"
    yield ""
    where = f"trial {metrics['trial_id']}, epoch {metrics['epoch']}"
    trials = len(run.state.trials)
    yield f"Found by tune-jobs {version('tune-jobs')}: {where} of run {run.name}, the best of "
    yield f"{trials} trials by {metrics['metric']} ({metrics['mode']}) on validation data."
    if "dataset" in config:
        yield f"Data set: {config['dataset']}."
    if metrics.get("retrained"):
        yield metrics["retrained"]
    yield from ["", "## Metrics", "", "| metric | value |", "|---|---|"]
    for name, value in {**(metrics["validation"] or {}), **(metrics["test"] or {})}.items():
        yield f"| {name} | {value:.6g} |"
    yield from ["", "Metrics that begin with test are of data that the search has not seen."]
    yield from ["", "## Config", "", "| hyperparameter | value |", "|---|---|"]
    for name, value in config.items():
        yield f"| {name} | {value} |"
    yield from ["", "## Files", ""]
    for file in sorted(path.name for path in folder.iterdir()):
        yield f"- `{file}`"
    yield from ["", "No file of them but the Python ones holds code that loading it would run."]
    if onnx is not None:
        yield "`model.onnx` takes raw inputs and returns predictions; on validation data they"
        yield f"differ by at most {onnx:.1g} from those of torch."
    content = run.folder.read_job_json()
    yield from ["", "## Origin", ""]
    yield f"- method: {content['searcher']} × {content['scheduler']}, seed {run.declared.seed}"
    yield f"- started: {content.get('started')}, git commit: {content.get('git_commit')}"
    versions = content.get("versions", {})
    yield f"- versions: {', '.join(f'{name} {number}' for name, number in versions.items())}"
