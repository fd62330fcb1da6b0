"""States in files: tensors, numpy arrays, numbers, text, and lists and dicts of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def read_state(file: Path) -> Any:
    """What `torch.save` wrote. Runs no code from the file.

    Raises pickle.UnpicklingError for anything else than the above.
    """
    import torch

    with torch.serialization.safe_globals(_of_numpy()):
        return torch.load(file, map_location="cpu", weights_only=True)


def _of_numpy() -> list[Any]:
    """What arrays and scalars of numpy are made of: numbers and text, no objects."""
    made_by = [np.zeros(0).__reduce__()[0], np.float64(0).__reduce__()[0]]
    kinds = [type(np.dtype(code)) for code in "?bhilqBHILQefdgFDGSUMm"]
    return [np.ndarray, np.dtype, *made_by, *dict.fromkeys(kinds)]
