"""States in files: tensors, numpy arrays, numbers, text, and lists and dicts of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_state(state: Any, file: Path) -> None:
    """Writes a state for `read_state`. Raises OSError if there is no room, and what `torch.save`
    raises for a state that it cannot write."""
    import torch

    with file.open("wb") as opened:
        try:
            torch.save(state, opened)
        except RuntimeError as error:  # torch's own, after that of the file
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def read_state(file: Path) -> Any:
    """What `write_state` or `torch.save` wrote. Runs no code from the file.

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
