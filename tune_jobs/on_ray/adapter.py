"""The searcher, scheduler and stopper that Ray Tune sees; they call the dispatcher."""

from __future__ import annotations

from typing import Any

from ray.tune import ProgressReporter, Stopper
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from tune_jobs.on_ray.deaths import death_of
from tune_jobs.on_ray.dispatcher import Dispatcher
from tune_jobs.on_ray.internals import pause
from tune_jobs.on_ray.trainable import ASSIGNMENT, REPORT
from tune_jobs.search_algos.decisions import Continue, Exploit, Pause, Stop


class ExperimentSearcher(Searcher):
    """Gives Ray a trial when a slot is free, not earlier: a config that is sampled far ahead does
    not know how the running trials end."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher

    def suggest(self, trial_id: str) -> Any:
        self._dispatcher.end_if_interrupted()
        work = self._dispatcher.next_assignment()
        if work is not None:
            return {ASSIGNMENT: work}
        return Searcher.FINISHED if self._dispatcher.has_no_more_work() else None

    def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
        pass  # the experiment knows already

    def save(self, checkpoint_path: str) -> None:
        pass  # the journal has everything

    def restore(self, checkpoint_path: str) -> None:
        pass


class ExperimentScheduler(TrialScheduler):
    """Applies to a Ray trial the decision on its report."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self._to_stop: list[RayTrial] = []

    def on_trial_result(
        self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]
    ) -> str:
        match self._dispatcher.report(trial, result[REPORT]):
            case Continue():
                return self.CONTINUE
            case Stop():
                return self.STOP
            case Pause() | Exploit():
                pause(tune_controller, trial)
                return self.NOOP

    def on_trial_error(self, tune_controller: TuneController, trial: RayTrial) -> None:
        """Ray puts the trial back into its queue; if we give up, it is removed again."""
        if not self._dispatcher.fail(trial, death_of(trial)):
            self._to_stop.append(trial)

    def choose_trial_to_run(self, tune_controller: TuneController) -> RayTrial | None:
        self._to_stop += self._dispatcher.take_paused_for_good()
        while self._to_stop:
            tune_controller.stop_trial(self._to_stop.pop())
        return self._dispatcher.first_to_start()

    def on_trial_add(self, tune_controller: TuneController, trial: RayTrial) -> None:
        self._dispatcher.added(trial)

    def on_trial_complete(
        self, tune_controller: TuneController, trial: RayTrial, result: dict[str, Any]
    ) -> None:
        pass

    def on_trial_remove(self, tune_controller: TuneController, trial: RayTrial) -> None:
        pass

    def debug_string(self) -> str:
        return type(self).__name__


class RunStopper(Stopper):
    """Ends Ray's part if the run ends before everything is done."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        self._dispatcher.end_if_interrupted()
        return self._dispatcher.fatal is not None


class NoReports(ProgressReporter):
    """Ray's own reporter would clear the output of a notebook's cell."""

    def should_report(self, *args: Any, **kwargs: Any) -> bool:
        return False

    def report(self, *args: Any, **kwargs: Any) -> None:
        pass
