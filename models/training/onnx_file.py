"""A network as an ONNX file: from raw inputs to predictions, for any number of examples."""

from __future__ import annotations

import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tune_jobs.models import data
from tune_jobs.models.base import TrainingError
from tune_jobs.models.training.supervised import Supervised

TOLERANCE = 1e-4  # of predictions, in the unit of probabilities, or of the labels' spread


def write(model: Supervised, file: Path) -> float:
    """Returns the largest difference between its predictions and torch's on the validation data.

    Raises TrainingError if that is above the tolerance.
    """
    model.move(torch.device("cpu"))
    model.network.eval()
    x, y = data.load(model.config.dataset, "validation", model.config.fold)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Whole(model),
            (torch.from_numpy(np.array(x[:2])),),
            file,
            input_names=["inputs"],
            output_names=["predictions"],
            dynamic_shapes=({0: batch},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    scale = 1.0 if y.dtype.kind in "iu" else float(y.std())
    apart = _difference(model, file, x) / scale
    if not apart <= TOLERANCE:
        raise TrainingError(
            f"the predictions of {file.name} differ by up to {apart:.2g} from those of torch on "
            f"the validation data; at most {TOLERANCE:g} is allowed"
        )
    return apart


def _difference(model: Supervised, file: Path, x: NDArray[Any]) -> float:
    from onnxruntime import InferenceSession

    session, worst = InferenceSession(file, providers=["CPUExecutionProvider"]), 0.0
    for start in range(0, len(x), model.evaluation_batch):
        part = np.array(x[start : start + model.evaluation_batch])
        (found,) = session.run(None, {"inputs": part})
        worst = max(
            worst, float(np.abs(found - model.predict(torch.from_numpy(part)).numpy()).max())
        )
    return worst


class _Whole(nn.Module):
    def __init__(self, model: Supervised) -> None:
        super().__init__()
        self.network = model.network
        self._forward = model.forward

    def forward(self, inputs: Tensor) -> Tensor:
        return self._forward(inputs)
