"""The only folder that imports Ray.

For scripts on Ray Tune of one's own: `RaySearcher` and `RayScheduler` are our methods as Ray
Tune's Tuner takes them.
"""

from tune_jobs.on_ray.ray_scheduler import RayScheduler
from tune_jobs.on_ray.ray_searcher import RaySearcher

__all__ = ["RayScheduler", "RaySearcher"]
