"""Runs in optuna-dashboard, live: a storage of Optuna that follows their journals.

It can only be read: whatever a page would change is refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import suppress
from functools import partial
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna_dashboard
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from tune_jobs.errors import UserError
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.growing import Growing
from tune_jobs.runs.lock import holder_of
from tune_jobs.views.pages import study as studies
from tune_jobs.views.pages.record import Record

FRESH = 2.0  # seconds for which what was read is shown without another look
_APART = 10_000_000  # numbers of trials of different runs: Optuna's are unique in a storage


class LiveRun:
    """A run that may be going on. Its journal is read when its trials are asked for, and then only
    what is new."""

    def __init__(self, folder: RunFolder, number: int) -> None:
        self.number = number
        self._folder = folder
        self._run = Growing(folder, partial(Record, folder.name))
        self._trials: list[FrozenTrial] = []
        self._looked = -FRESH

    @property
    def record(self) -> Record:
        return self._run.so_far

    @property
    def frozen(self) -> FrozenStudy:
        declared, content = self.record.declared, self.record.content
        told = {name: content.get(name) for name in ("model", "searcher", "scheduler", "started")}
        return FrozenStudy(
            study_name=self.record.name,
            direction=None,
            directions=[studies.direction(one) for one in declared.objective.each],
            user_attrs={"job": declared.name, **told, "seed": declared.seed},
            system_attrs={"study:metric_names": list(declared.objective.metrics)},
            study_id=self.number,
        )

    def trials(self) -> list[FrozenTrial]:
        if time.monotonic() - self._looked > FRESH:
            self._look()
            self._looked = time.monotonic()
        return self._trials

    def _look(self) -> None:
        before, seen = self.record, self._seen
        driver = holder_of(self._folder)  # first: it may end meanwhile
        self._run.fetch()
        with suppress(UserError):  # of a damaged journal, what comes before the damage is shown
            self._run.look()
        self.record.state.driver = driver
        if self.record is not before or self._seen != seen:
            found = studies.trials(self.record, self.record.state.objective.each)
            for trial in found:
                trial._trial_id = self.number * _APART + trial.number
            self._trials = found

    @property
    def _seen(self) -> tuple[int, str]:
        return len(self.record.facts), self.record.state.driver


class LiveRuns(BaseStorage):
    """The runs that ``folders`` gives, which may become more. Runs that cannot be read are left
    out."""

    def __init__(self, folders: Callable[[], Iterable[RunFolder]]) -> None:
        self._folders = folders
        self._runs: dict[str, LiveRun] = {}
        self._looked = -FRESH
        self._lock = threading.RLock()

    def get_all_studies(self) -> list[FrozenStudy]:
        with self._lock:
            if time.monotonic() - self._looked > FRESH:
                self._look()
                self._looked = time.monotonic()
            return [run.frozen for run in self._runs.values()]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        with self._lock:
            trials = self._run(study_id).trials()
        return [trial for trial in trials if states is None or trial.state in states]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        study_id, number = divmod(trial_id, _APART)
        return self.get_all_trials(study_id)[number]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """That of the run, which may be one that was stopped early."""
        trials = self.get_all_trials(study_id)
        best = self._run(study_id).record.state.incumbent
        if best is None:
            raise ValueError("no trial has a value yet")
        return trials[best.trial_id]

    def get_study_id_from_name(self, study_name: str) -> int:
        return next(s._study_id for s in self.get_all_studies() if s.study_name == study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        return self._run(study_id).frozen.study_name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._run(study_id).frozen.directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self._run(study_id).frozen.user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self._run(study_id).frozen.system_attrs

    def _run(self, study_id: int) -> LiveRun:
        """Raises KeyError, as Optuna's storages do."""
        for run in list(self._runs.values()):
            if run.number == study_id:
                return run
        raise KeyError(study_id)

    def _look(self) -> None:
        for folder in self._folders():
            if folder.name not in self._runs:
                try:
                    folder.fetch()
                    self._runs[folder.name] = LiveRun(folder, len(self._runs))
                except (UserError, TypeError):
                    continue

    def _refuse(self, *given: Any, **named: Any) -> Any:
        raise RuntimeError("runs can only be read here")

    create_new_study = delete_study = create_new_trial = _refuse
    set_study_user_attr = set_study_system_attr = _refuse
    set_trial_param = set_trial_state_values = set_trial_intermediate_value = _refuse
    set_trial_user_attr = set_trial_system_attr = _refuse


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a browser keeps connections open that it does not use


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def server(folders: Callable[[], Iterable[RunFolder]], port: int) -> WSGIServer:
    """A server on this machine only; port 0 picks one. Raises UserError for a port in use."""
    studies.quiet()
    app = optuna_dashboard.wsgi(LiveRuns(folders))
    try:
        return make_server("127.0.0.1", port, _reading_only(app), _Server, _Silent)
    except OSError as error:
        raise UserError(
            f"--port {port} cannot be used ({error.strerror}); --port 0 picks one"
        ) from None


def _reading_only(app: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    def answer(request: dict[str, Any], start: Any) -> Iterable[bytes]:
        if request["REQUEST_METHOD"] in ("GET", "HEAD"):
            found: Sequence[bytes] = app(request, start)
            return found
        start("403 Forbidden", [("Content-Type", "application/json")])
        return [b'{"reason": "runs can only be read here"}']

    return answer
