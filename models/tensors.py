"""A state of tensors, numbers, text, and lists and dicts of them, in two files that hold no code:
weights.safetensors, and state.json with everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WEIGHTS, REST = "weights.safetensors", "state.json"


def save(state: Any, folder: Path) -> None:
    """Raises TypeError for anything else in it."""
    from safetensors.torch import save_file

    tensors: dict[str, Any] = {}
    rest = _written(state, "", tensors)
    (folder / REST).write_text(json.dumps(rest))
    save_file(tensors, folder / WEIGHTS)


def load(folder: Path) -> Any:
    from safetensors.torch import load_file

    return _read(json.loads((folder / REST).read_text()), load_file(folder / WEIGHTS))


def _written(value: Any, path: str, tensors: dict[str, Any]) -> Any:
    import torch

    match value:
        case torch.Tensor():
            # Neither shared with another one, nor in another order of its dimensions.
            tensors[path] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
            return {"tensor": path}
        case dict():
            entries = [
                [key, _written(part, _below(path, key), tensors)] for key, part in value.items()
            ]
            return {"dict": entries}
        case list() | tuple():
            parts = [_written(part, _below(path, n), tensors) for n, part in enumerate(value)]
            return {"tuple" if isinstance(value, tuple) else "list": parts}
    return value


def _read(value: Any, tensors: dict[str, Any]) -> Any:
    match value:
        case {"tensor": path}:
            return tensors[path]
        case {"dict": entries}:
            return {key: _read(part, tensors) for key, part in entries}
        case {"list": parts}:
            return [_read(part, tensors) for part in parts]
        case {"tuple": parts}:
            return tuple(_read(part, tensors) for part in parts)
    return value


def _below(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
