"""The only folder that imports Ray.

For your own Ray Tune scripts: `RaySearcher` and `RayScheduler` are our methods for Ray Tune's
Tuner.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune_jobs.on_ray.ray_tune.our_scheduler import RayScheduler
    from tune_jobs.on_ray.ray_tune.our_searcher import RaySearcher

__all__ = ["RayScheduler", "RaySearcher"]

_MODULES = {"RayScheduler": "our_scheduler", "RaySearcher": "our_searcher"}


def __getattr__(name: str) -> Any:
    """Ray Tune takes seconds to import, and not every user of this folder needs it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.ray_tune.{_MODULES[name]}"), name)
