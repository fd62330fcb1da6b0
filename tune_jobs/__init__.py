"""A tuning framework for Ray clusters: declare a job, run it anywhere, lose nothing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune_jobs.api.run import Run, run
    from tune_jobs.api.search_cv import TuneSearchCV
    from tune_jobs.cli.commands import run_script as main
    from tune_jobs.errors import UserError
    from tune_jobs.job.tune_job import TuneJob
    from tune_jobs.models.base import Done, Model
    from tune_jobs.models.functions.session import report, restored
    from tune_jobs.models.trial import trial
    from tune_jobs.on_ray.ray_tune.our_scheduler import RayScheduler
    from tune_jobs.on_ray.ray_tune.our_searcher import RaySearcher
    from tune_jobs.search_algos.base import Scheduler, Searcher
    from tune_jobs.search_algos.conditions import at_least, at_most
    from tune_jobs.search_algos.derived import Derived
    from tune_jobs.search_algos.domains import Choice, Float, Int, Normal
    from tune_jobs.views.mlflow import MLflowCallback
    from tune_jobs.views.view import Callback
    from tune_jobs.views.wandb import WandbCallback

__all__ = [
    "Callback",
    "Choice",
    "Derived",
    "Done",
    "Float",
    "Int",
    "MLflowCallback",
    "Model",
    "Normal",
    "RayScheduler",
    "RaySearcher",
    "Run",
    "Scheduler",
    "Searcher",
    "TuneJob",
    "TuneSearchCV",
    "UserError",
    "WandbCallback",
    "at_least",
    "at_most",
    "main",
    "report",
    "restored",
    "run",
    "trial",
]

_PLACES = {
    "Callback": "tune_jobs.views.view:Callback",
    "Choice": "tune_jobs.search_algos.domains:Choice",
    "Derived": "tune_jobs.search_algos.derived:Derived",
    "Done": "tune_jobs.models.base:Done",
    "Float": "tune_jobs.search_algos.domains:Float",
    "Int": "tune_jobs.search_algos.domains:Int",
    "MLflowCallback": "tune_jobs.views.mlflow:MLflowCallback",
    "Model": "tune_jobs.models.base:Model",
    "Normal": "tune_jobs.search_algos.domains:Normal",
    "RayScheduler": "tune_jobs.on_ray.ray_tune.our_scheduler:RayScheduler",
    "RaySearcher": "tune_jobs.on_ray.ray_tune.our_searcher:RaySearcher",
    "Run": "tune_jobs.api.run:Run",
    "Scheduler": "tune_jobs.search_algos.base:Scheduler",
    "Searcher": "tune_jobs.search_algos.base:Searcher",
    "TuneJob": "tune_jobs.job.tune_job:TuneJob",
    "TuneSearchCV": "tune_jobs.api.search_cv:TuneSearchCV",
    "UserError": "tune_jobs.errors:UserError",
    "WandbCallback": "tune_jobs.views.wandb:WandbCallback",
    "at_least": "tune_jobs.search_algos.conditions:at_least",
    "at_most": "tune_jobs.search_algos.conditions:at_most",
    "main": "tune_jobs.cli.commands:run_script",
    "report": "tune_jobs.models.functions.session:report",
    "restored": "tune_jobs.models.functions.session:restored",
    "run": "tune_jobs.api.run:run",
    "trial": "tune_jobs.models.trial:trial",
}


def __getattr__(name: str) -> Any:
    """Imports a name when it is first used: a worker needs the model, but not the command line."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    globals()[name] = found = getattr(import_module(module), attribute)
    return found


def __dir__() -> list[str]:
    return __all__
