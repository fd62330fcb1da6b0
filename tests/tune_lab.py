"""A run of Ray Tune, under our settings, with a trial of every kind that we have to know about."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections import deque
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray.cloudpickle
from ray import tune
from ray.exceptions import OutOfMemoryError
from ray.tune import schedulers
from ray.tune.search import Searcher

from tune_jobs.on_ray import internals

KINDS = ("waits", "source", "raises", "dies", "no start", "greedy", "copy")


@dataclass
class Lab:
    """What was seen in a run of Ray Tune with a trial of every kind."""

    errors: dict[str, Exception | None] = field(default_factory=dict)
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    handlers: set[Any] = field(default_factory=set)
    said: str = ""
    files: list[str] = field(default_factory=list)


class Subject(tune.Trainable):
    """Counts its steps in ``total``, which its checkpoint has."""

    def setup(self, config: dict[str, Any]) -> None:
        self.total = 100 if config["kind"] == "source" else 0
        if config["kind"] == "no start":
            raise ArithmeticError("no start")

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        match self.config["kind"]:
            case "raises":
                raise ArithmeticError("too much")
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case "greedy":
                raise OutOfMemoryError("Task was killed due to the node running low on memory.")
        self.total += 1
        return {"total": self.total, "folder": os.getcwd(), "process": os.getpid()}

    def save_checkpoint(self, folder: str) -> None:
        Path(folder, "total").write_text(str(self.total))

    def load_checkpoint(self, folder: str) -> None:  # type: ignore[override]
        self.total = int(Path(folder, "total").read_text())


class Kinds(Searcher):
    def __init__(self) -> None:
        super().__init__()
        self.left = list(KINDS)

    def suggest(self, trial_id: str) -> Any:
        return {"kind": self.left.pop(0)} if self.left else Searcher.FINISHED

    def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
        pass

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        pass


class Watch(schedulers.FIFOScheduler):
    """Notes what happens; has ``copy`` go on, after its first step, from where ``source`` ended,
    and no trial that failed."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        self.lab, self.failed = lab, deque[Any]()
        self.source: Any = None

    def __getstate__(self) -> None:
        pass

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        kind = trial.config["kind"]
        results = self.lab.results.setdefault(kind, [])
        results.append(result)
        self.lab.handlers.add(signal.getsignal(signal.SIGINT))
        if len(results) == 2:
            return self.STOP
        if kind == "source":
            self.source = trial
        elif kind == "copy":
            internals.pause(tune_controller, trial)
            internals.start_from(trial, self.source.latest_checkpoint_result)
            return self.NOOP
        return self.CONTINUE

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self.lab.errors[trial.config["kind"]] = internals.error_of(trial)
        self.failed.append(trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        while self.failed:
            tune_controller.stop_trial(self.failed.popleft())
        paused = (t for t in tune_controller.get_trials() if t.status == t.PAUSED)
        return next(paused, None) or super().choose_trial_to_run(tune_controller)


class WhenOnlyOneWaits(tune.Stopper):
    """Ends the run when all trials but ``waits`` are over."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def __getstate__(self) -> None:
        pass

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        over = {kind for kind, results in self.lab.results.items() if len(results) == 2}
        return over | self.lab.errors.keys() == set(KINDS) - {"waits"}


def run_lab(folder: Path) -> Lab:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import it
    lab = Lab()

    def resources(config: dict[str, Any]) -> dict[str, float]:
        # With other resources than the rest has, ``no start`` gets an actor of its own.
        return {"cpu": {"waits": 64.0, "no start": 0.5}.get(config["kind"], 1.0)}

    screen = io.StringIO()
    with redirect_stdout(screen), internals.quiet(), internals.deaths_survived():
        tune.Tuner(
            tune.with_resources(Subject, resources),
            tune_config=tune.TuneConfig(
                search_alg=Kinds(), scheduler=Watch(lab), num_samples=len(KINDS), reuse_actors=True
            ),
            run_config=tune.RunConfig(
                name="lab",
                storage_path=str(folder),
                verbose=0,
                callbacks=[internals.no_progress()],
                stop=WhenOnlyOneWaits(lab),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
                failure_config=tune.FailureConfig(max_failures=-1),
            ),
        ).fit()
    lab.said = screen.getvalue()
    lab.files = [path.name for path in folder.rglob("*")]
    return lab
