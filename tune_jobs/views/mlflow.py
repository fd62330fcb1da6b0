"""Trials in MLflow. Install its package yourself: ``mlflow`` or ``mlflow-skinny``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from time import time as now
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from tune_jobs.errors import shortened
from tune_jobs.experiment.trial import Status
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.views.texts import trial_name
from tune_jobs.views.tracker import Tracker

PARAM_LENGTH = 500  # characters, what every server takes
_STATUS = {
    Status.RUNNING: "KILLED",  # by a driver that ended before it
    Status.PAUSED: "SCHEDULED",
    Status.COMPLETED: "FINISHED",
    Status.STOPPED: "FINISHED",
    Status.FAILED: "FAILED",
}


class MLflowCallback(Tracker[str]):
    """One MLflow run per trial: its config as parameters, its metrics by epoch, its status, and
    the tags ``job``, ``run`` and ``trial``.

    Args:
        experiment_name: by default the job's name.
        tracking_uri: of the server, or ``sqlite:///file.db``; by default $MLFLOW_TRACKING_URI.
        tags: more tags for every run.
    """

    def __init__(
        self,
        experiment_name: str | None = None,
        tracking_uri: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._experiment_name = experiment_name
        self._tracking_uri = tracking_uri
        self._tags = dict(tags or {})
        self._client: MlflowClient | None = None
        self._experiment_id = ""

    def on_start(self, job: TuneJob, folder: Path) -> None:
        super().on_start(job, folder)
        self._client = None

    def open_run(self, trial_id: int, config: Mapping[str, Any]) -> str:
        client = self._connected()
        if earlier := self._earlier(client, trial_id):
            client.update_run(earlier, status="RUNNING")
            client.set_tag(
                earlier, "config", shortened(str(dict(config)), PARAM_LENGTH)
            )  # of a clone
            return earlier
        tags = {"job": self.job.name, "run": self.run, "trial": str(trial_id), "run_key": self.key}
        run: str = client.create_run(
            self._experiment_id,
            tags={**self._tags, **tags},
            run_name=trial_name(trial_id, config),
        ).info.run_id
        whole = {**self.constants, **config}
        params = [Param(_key(n), shortened(str(v), PARAM_LENGTH)) for n, v in whole.items()]
        client.log_batch(run, params=params)
        return run

    def log(self, theirs: str, epoch: int, time: float, metrics: Mapping[str, float]) -> None:
        self._connected().log_batch(theirs, metrics=_metrics(epoch, time, metrics))

    def close_run(self, theirs: str, status: Status, summary: Mapping[str, Any]) -> None:
        texts = {name: value for name, value in summary.items() if isinstance(value, str)}
        numbers = {name: value for name, value in summary.items() if name not in texts}
        self._connected().log_batch(
            theirs,
            metrics=_metrics(summary.get("epochs", 0), now(), numbers),
            tags=[RunTag(_key(name), value) for name, value in texts.items()],
        )
        self._connected().set_terminated(theirs, _STATUS[status])

    def _connected(self) -> MlflowClient:
        if self._client is None:
            client = MlflowClient(self._tracking_uri)
            name = self._experiment_name or self.job.name
            found = client.get_experiment_by_name(name)
            self._experiment_id = found.experiment_id if found else client.create_experiment(name)
            self._client = client
        return self._client

    def _earlier(self, client: MlflowClient, trial_id: int) -> str | None:
        """The MLflow run of a trial that paused, or that an earlier driver started."""
        wanted = f"tags.run_key = '{self.key}' and tags.trial = '{trial_id}'"
        found = client.search_runs([self._experiment_id], wanted, max_results=1)
        return found[0].info.run_id if found else None


def _metrics(epoch: int, time: float, metrics: Mapping[str, float]) -> list[Metric]:
    return [Metric(_key(n), value, round(time * 1000), epoch) for n, value in metrics.items()]


def _key(name: str) -> str:
    """A name that MLflow accepts."""
    return re.sub(r"[^\w\-. :/]", "_", name).strip("/") or "_"
