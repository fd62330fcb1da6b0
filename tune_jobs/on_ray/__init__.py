"""The only folder that imports Ray.

For scripts on Ray Tune of one's own: `RaySearcher` and `RayScheduler` are our methods as Ray
Tune's Tuner takes them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune_jobs.on_ray.ray_scheduler import RayScheduler
    from tune_jobs.on_ray.ray_searcher import RaySearcher

__all__ = ["RayScheduler", "RaySearcher"]

_MODULES = {"RayScheduler": "ray_scheduler", "RaySearcher": "ray_searcher"}


def __getattr__(name: str) -> Any:
    """Ray Tune takes seconds to import, and is not wanted by all who use this folder."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
