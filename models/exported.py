"""A model from a folder that was exported. Its files hold no code."""

from __future__ import annotations

import json
from pathlib import Path
from pkgutil import resolve_name

from tune_jobs.models.base import Model
from tune_jobs.models.nested import config_of


def load(folder: Path) -> Model:
    """The model of the folder's config.json, ready to predict. Its class must be importable."""
    content = json.loads((folder / "config.json").read_text())
    cls: type[Model] = resolve_name(content["model"])
    return cls.exported(config_of(cls.Config, content["config"]), folder)
