"""Training functions written for Ray Tune: what `ray.tune.report`, `get_checkpoint` and
`get_context` find in our worker."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.utils import flatten_dict

from tune_jobs.models.functions import session
from tune_jobs.on_ray import internals

_NOT_METRICS = {"done", "should_checkpoint"}
"""Words of Ray Tune's to itself among the metrics."""


class Host:
    """Has the names of Ray Tune's own session, and passes everything on to ours.

    Args:
        trial_id: of the trial.
        resources: of the trial.
    """

    world_rank = None  # of Ray Train's sessions only; for Ray Tune there is none
    local_rank = node_rank = local_world_size = world_size = None
    experiment_name = "tune-jobs"

    def __init__(self, trial_id: str, resources: tune.PlacementGroupFactory | None) -> None:
        # Ray's are no numbers either; MLflow takes a number for the id of an experiment.
        self.trial_id = self.trial_name = f"trial_{trial_id}"
        self.trial_resources = resources
        self._values: dict[str, Any] = {}

    def report(self, metrics: Mapping[str, Any], checkpoint: tune.Checkpoint | None = None) -> None:
        """Numbers are metrics, also in dicts within (``eval/loss``); the rest is left out."""
        flat = flatten_dict(dict(metrics), delimiter="/")
        kept = {n: v for n, v in flat.items() if _is_number(v) and n not in _NOT_METRICS}
        if checkpoint is None:
            session.report(kept)
            return
        with checkpoint.as_directory() as folder:
            session.report(kept, state=Path(folder))

    @property
    def loaded_checkpoint(self) -> tune.Checkpoint | None:
        state = session.restored()
        return None if state is None else tune.Checkpoint(state)

    @property
    def trial_dir(self) -> str:
        return str(Path.cwd())

    def get_state(self, key: str) -> Any:
        return self._values.get(key)

    def set_state(self, key: str, value: Any) -> None:
        self._values[key] = value


def hosted(trial_id: str, resources: tune.PlacementGroupFactory | None) -> None:
    """From now on, a function in this process that speaks to Ray Tune speaks to us."""
    internals.set_session(Host(trial_id, resources))


def _is_number(value: Any) -> bool:
    return isinstance(value, Number) or (hasattr(value, "item") and not getattr(value, "shape", ()))
