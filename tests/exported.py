"""Exported folders, used in processes that know nothing of their runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LIMIT = 300  # seconds; it guards against hangs only


def run_script(folder: Path, *arguments: object) -> str:
    script = [sys.executable, str(folder / "predict.py"), *map(str, arguments)]
    done = subprocess.run(
        script, capture_output=True, text=True, cwd=folder.parent, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_recorded(folder: Path) -> None:
    """predict.py measures what the run recorded."""
    recorded = json.loads((folder / "metrics.json").read_text())
    wanted = {**recorded["validation"], **(recorded["test"] or {})}
    measured = json.loads(run_script(folder))
    assert measured == {
        name: pytest.approx(value, rel=1e-4)
        for name, value in wanted.items()
        if not name.startswith("train_")
    }


def predictions(folder: Path, x: Any) -> Any:
    """Those of predict.py."""
    inputs, outputs = folder.parent / "inputs.npy", folder.parent / "outputs.npy"
    np.save(inputs, x)
    run_script(folder, inputs, outputs)
    return np.load(outputs)


def onnx_predictions(folder: Path, x: Any) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"inputs": x})[0]
