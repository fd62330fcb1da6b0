"""A run for TensorBoard's page HPARAMS: hyperparameters, metrics, how trials ended.

Its columns have types, and its parallel coordinates drop a trial without a value. So if a trial
does not have a hyperparameter, a text column shows ``-``, and a numeric column shows a number a
bit below the range, which the title of the column explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import Value
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2 as api
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)

from tune_jobs.experiment.trial import Status
from tune_jobs.search_algos.domains import Choice, Domain, Number
from tune_jobs.views import texts

NONE = "-"
_BELOW = 0.1  # of the range
_TYPES = {
    bool: api.DATA_TYPE_BOOL,
    float: api.DATA_TYPE_FLOAT64,
    str: api.DATA_TYPE_STRING,
}


def experiment(space: Mapping[str, Domain], metrics: Mapping[str, str], started: float) -> Event:
    """``metrics`` are the tags of scalars, with their titles, in the order of the columns. The page
    shows five at first, and in its parallel coordinates only trials that have a value in each."""
    found = api.Experiment(
        time_created_secs=started,
        hparam_infos=[_column(name, domain) for name, domain in space.items()],
        metric_infos=[
            api.MetricInfo(name=api.MetricName(tag=tag), display_name=title)
            for tag, title in metrics.items()
        ],
    )
    return _event(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=found))


def session_start(space: Mapping[str, Domain], config: Mapping[str, Any], name: str) -> Event:
    start = SessionStartInfo(group_name=name)
    for parameter, domain in space.items():
        shown = _shown(domain, config.get(parameter, _Lacking))
        start.hparams[texts.printable(parameter)].CopyFrom(_protobuf(shown))
    return _event(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))


def session_end(status: Status, time: float) -> Event:
    said = api.STATUS_FAILURE if status is Status.FAILED else api.STATUS_SUCCESS
    end = SessionEndInfo(status=said, end_time_secs=time)
    return _event(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))


class _Lacking:
    """Stands for a value that a config does not have."""


def _column(name: str, domain: Domain) -> api.HParamInfo:
    name = texts.printable(name)
    column = api.HParamInfo(name=name, display_name=name, differs=True)
    match domain:
        case Choice():
            values = [_shown(domain, value) for value in domain.values]
            none = [NONE] if domain.when else []
            column.type = _TYPES[type(values[0])]
            column.domain_discrete.extend([*none, *values])
        case _:
            column.type = api.DATA_TYPE_FLOAT64
            low, high = domain.extremes()
            if domain.when:
                low = _below(domain)
                column.display_name = f"{name} ({texts.number(low)}: none)"
            column.domain_interval.min_value, column.domain_interval.max_value = low, high
    return column


def _shown(domain: Domain, value: Any) -> bool | float | str:
    """A value, or the lack of one, with the type of its column."""
    if not isinstance(domain, Choice):
        return _below(domain) if value is _Lacking else float(value)
    kinds = {type(choice) for choice in domain.values}
    if domain.when or not (kinds == {bool} or kinds <= {int, float}):
        return NONE if value is _Lacking else texts.number(value)
    return bool(value) if kinds == {bool} else float(value)


def _protobuf(value: bool | float | str) -> Value:
    if isinstance(value, bool):
        return Value(bool_value=value)
    return Value(string_value=value) if isinstance(value, str) else Value(number_value=value)


def _below(domain: Number) -> float:
    low, high = domain.extremes()
    if domain.log:
        return float(low * (low / high) ** _BELOW)
    return float(low - (high - low) * _BELOW)


def _event(tag: str, data: HParamsPluginData) -> Event:
    value = Summary.Value(
        tag=tag, metadata=metadata.create_summary_metadata(data), tensor=metadata.NULL_TENSOR
    )
    return Event(summary=Summary(value=[value]))


def scalars(values: Mapping[str, float], epoch: int, time: float) -> Event:
    named = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    return Event(wall_time=time, step=epoch, summary=Summary(value=named))
