"""TensorBoard event files, one folder per trial, written during the run.

A record is written when its fact happens. Few files are open at the same time, however many
trials there are, and there are no threads.
"""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

from tune_jobs.experiment.facts import Completed, Fact, Failed, Reported, Stopped, Tested
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status, Trial
from tune_jobs.search_algos.domains import Domain
from tune_jobs.views import hparams, texts

OPEN_AT_MOST = 32
TAKE_OVER_SECONDS = 30  # older records are on the disk, whatever died
_BEST, _EPOCHS, _STATUS, _SECONDS = "trial/best", "trial/epochs", "trial/status", "trial/seconds"
_CODES = {
    Status.COMPLETED: 1.0,
    Status.RUNNING: 0.5,
    Status.PAUSED: 0.5,
    Status.STOPPED: 0.0,
    Status.FAILED: -1.0,
}


class TensorBoard:
    """A view that writes every metric of every epoch, and each trial's config for HPARAMS.

    Args:
        space: what is searched.
    """

    def __init__(self, folder: Path, space: Mapping[str, Domain]) -> None:
        self._folder = folder
        self._space = space
        self._files: OrderedDict[int, IO[bytes]] = OrderedDict()  # the last used is the last
        self._metrics: dict[str, None] = {}  # the tags of scalars so far
        self._tested: dict[str, None] = {}

    def take_over(self, facts: Iterable[Fact], state: RunState) -> None:
        """Continues after an earlier driver. Its last files may be incomplete, so they are written
        again from the facts."""
        last_written = state.last_fact - TAKE_OVER_SECONDS
        again = {
            fact.trial_id
            for fact in facts
            if isinstance(fact, Reported)
            and (fact.time >= last_written or not state.trials[fact.trial_id].status.is_final)
        }
        for trial_id, folder in self._folders():
            if trial_id in again:
                shutil.rmtree(folder, ignore_errors=True)
        past = RunState(state.objective, state.extent)
        for fact in facts:
            past.apply(fact)
            if getattr(fact, "trial_id", None) in again:
                self.on_fact(fact, past)
            elif isinstance(fact, Reported):
                self._know(fact.metrics, past)

    def on_fact(self, fact: Fact, state: RunState) -> None:
        match fact:
            case Reported():
                trial = state.trials[fact.trial_id]
                self._know(fact.metrics, state)
                metrics = {_tag(name): value for name, value in fact.metrics.items()}
                values = {**metrics, **_standing(trial, state)}
                self._write(trial, hparams.scalars(values, fact.epoch, fact.time))
                self._end(trial, fact.time)
            case Stopped() | Completed() | Failed():
                self._end(state.trials[fact.trial_id], fact.time)
            case Tested():
                named = {f"test/{_tag(name)}": value for name, value in fact.metrics.items()}
                trial = state.trials[fact.trial_id]
                self._write(trial, hparams.scalars(named, fact.epoch, fact.time))
                self._tested |= dict.fromkeys(named)
                self._write_experiment(state)
                self._close(fact.trial_id)

    def close(self) -> None:
        while self._files:
            self._files.popitem()[1].close()

    def _end(self, trial: Trial, time: float) -> None:
        if trial.status.is_final:
            status = {_STATUS: _CODES[trial.status]}
            self._write(trial, hparams.scalars(status, trial.epoch, time))
            self._write(trial, hparams.session_end(trial.status, time))
            self._close(trial.trial_id)

    def _write(self, trial: Trial, event: Event) -> None:
        file = self._files.get(trial.trial_id) or self._open(trial)
        self._files.move_to_end(trial.trial_id)
        RecordWriter(file).write(event.SerializeToString())

    def _open(self, trial: Trial) -> IO[bytes]:
        if len(self._files) >= OPEN_AT_MOST:
            self._files.popitem(last=False)[1].close()
        path = self._folder_of(trial) / _FILE
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        file = self._files[trial.trial_id] = path.open("ab", buffering=0)
        if is_new:
            name = path.parent.name
            self._write(trial, _VERSION)
            self._write(trial, hparams.session_start(self._space, trial.config, name))
        return file

    def _close(self, trial_id: int) -> None:
        if file := self._files.pop(trial_id, None):
            file.close()

    def _folder_of(self, trial: Trial) -> Path:
        """A clone keeps the name that it had before."""
        return self._folder / texts.trial_name(trial.trial_id, trial.suggested)

    def _folders(self) -> list[tuple[int, Path]]:
        """The folders of trials that exist."""
        there = self._folder.iterdir() if self._folder.is_dir() else ()
        numbered = ((path.name.partition(" ")[0], path) for path in there)
        return [(int(number), path) for number, path in numbered if number.isdecimal()]

    def _know(self, metrics: Mapping[str, float], state: RunState) -> None:
        """The metrics of a report, which become columns where they are new."""
        if not {_tag(name) for name in metrics} <= self._metrics.keys():
            self._metrics |= dict.fromkeys(map(_tag, metrics))
            self._write_experiment(state)

    def _write_experiment(self, state: RunState) -> None:
        """What the columns are, the objective first; in a file in place of the one before."""
        metric = _tag(state.objective.metric)
        tags = {
            _BEST: f"best_{metric}",
            metric: metric,
            _EPOCHS: f"{state.objective.unit}s",
            _STATUS: "status",
            _SECONDS: "seconds",
            **{tag: tag for tag in self._metrics},
            **{tag: texts.test_name(tag.removeprefix("test/")) for tag in self._tested},
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / ".unfinished"
        with unfinished.open("wb") as file:
            for event in (_VERSION, hparams.experiment(self._space, tags, state.started)):
                RecordWriter(file).write(event.SerializeToString())
        unfinished.replace(self._folder / _FILE)


_FILE = "events.out.tfevents.0.tune-jobs"
_VERSION = Event(file_version="brain.Event:2")


def _standing(trial: Trial, state: RunState) -> dict[str, float]:
    """The scalars that say how a trial stands."""
    best = {_BEST: state.objective.value(trial.best_loss)} if trial.best_epoch else {}
    return {
        **best,
        _EPOCHS: float(trial.epoch),
        _STATUS: _CODES[Status.RUNNING],
        _SECONDS: trial.seconds,
    }


def _tag(metric: str) -> str:
    return texts.printable(metric, texts.VALUE_LENGTH)
