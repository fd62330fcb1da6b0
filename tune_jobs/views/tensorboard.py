"""TensorBoard event files, one folder per trial, written while the run goes on.

With TensorBoard's own writer: the other one, tensorboardX, imports torch into the driver.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from google.protobuf.struct_pb2 import Value
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tune_jobs.experiment.facts import Fact, Reported
from tune_jobs.experiment.state import RunState, Trial

FLUSH_SECONDS = 2
TAKE_OVER_SECONDS = 30  # what was written longer ago is on the disk, whatever died


class TensorBoard:
    """A view that writes every metric of every epoch, and each trial's config for HPARAMS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[int, EventFileWriter] = {}

    def take_over(self, facts: Iterable[Fact], state: RunState) -> None:
        """Goes on where an earlier driver ended. What that had not written yet may be missing
        from its last files, so they are written anew from the facts."""
        last_written = state.last_fact - TAKE_OVER_SECONDS
        again = {
            fact.trial_id
            for fact in facts
            if isinstance(fact, Reported)
            and (fact.time >= last_written or not state.trials[fact.trial_id].status.is_final)
        }
        for trial_id in again:
            shutil.rmtree(self._folder / f"{trial_id:05d}", ignore_errors=True)
        for fact in facts:
            if isinstance(fact, Reported) and fact.trial_id in again:
                self._writer(state.trials[fact.trial_id]).add_event(_scalars(fact))
        for trial_id in again:
            if state.trials[trial_id].status.is_final:
                self._writers.pop(trial_id).close()

    def on_fact(self, fact: Fact, state: RunState) -> None:
        match fact:
            case Reported():
                trial = state.trials[fact.trial_id]
                self._writer(trial).add_event(_scalars(fact))
                if trial.status.is_final:
                    self._writers.pop(fact.trial_id).close()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, trial: Trial) -> EventFileWriter:
        if trial.trial_id not in self._writers:
            folder = str(self._folder / f"{trial.trial_id:05d}")
            writer = EventFileWriter(folder, flush_secs=FLUSH_SECONDS)
            writer.add_event(_hyperparameters(trial))
            self._writers[trial.trial_id] = writer
        return self._writers[trial.trial_id]


def _scalars(fact: Reported) -> Event:
    values = [Summary.Value(tag=name, simple_value=value) for name, value in fact.metrics.items()]
    return Event(wall_time=fact.time, step=fact.epoch, summary=Summary(value=values))


def _hyperparameters(trial: Trial) -> Event:
    """The config in the form in which the HPARAMS tab looks for it."""
    session = SessionStartInfo()
    for name, value in trial.config.items():
        session.hparams[name].CopyFrom(_protobuf(value))
    data = HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, session_start_info=session)
    plugin = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString()
    )
    value = Summary.Value(
        tag=metadata.SESSION_START_INFO_TAG,
        metadata=SummaryMetadata(plugin_data=plugin),
        tensor=metadata.NULL_TENSOR,
    )
    return Event(summary=Summary(value=[value]))


def _protobuf(value: object) -> Value:
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, (int, float)):
        return Value(number_value=value)
    return Value(string_value=str(value))
