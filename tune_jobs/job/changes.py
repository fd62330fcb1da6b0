"""What a job file declares now, and did not when the run began: a resume does not use it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tune_jobs.errors import shown
from tune_jobs.job.code import import_file, plain_name, stands_in_its_file
from tune_jobs.job.declaration import fields_as_json
from tune_jobs.job.files import job_in
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import field_names, name_of
from tune_jobs.search_algos.derived import Derived
from tune_jobs.search_algos.domains import Domain, json_key
from tune_jobs.search_algos.domains.values import tagged

_OBJECT = "<object>"
"""What JSON cannot hold. It is never a change: job.json has only what it printed."""
_MISSING = "<missing>"


def changes(found: Mapping[str, Any], used: TuneJob, module: ModuleType | None) -> list[str]:
    """The fields that the job file declares in another way than when the run began, if the run
    does not use them: ``seed is 0, and in the job file 1``.

    Empty for a run that does not know what its file declared: from Python without own code, from
    a notebook, or of an older version.

    Args:
        found: the content of job.json.
        used: the job that the run continues with.
        module: of the job file, if it is imported already.

    Raises UserError for a job file that no longer declares one job.
    """
    file = found.get("file")
    if "replaced" not in found or file is None or not Path(file).is_file():
        return []
    now = job_in(module or import_file(Path(file).resolve()))
    then = _entries({**found, **found["replaced"]})
    recorded, present = _entries(fields_as_json(used)), _entries(fields_as_json(now))
    mine, theirs = _values(used), _values(now)
    return [
        f"{name} is {_words(mine, name)}, and in the job file {_words(theirs, name)}"
        for name in dict.fromkeys([*recorded, *present])
        if not _same(then.get(name, _MISSING), present.get(name, _MISSING))
        and not _same(recorded.get(name, _MISSING), present.get(name, _MISSING))
    ]


def _entries(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as JSON has them, hyperparameters and options one by one."""
    found: dict[str, Any] = {}
    for field in field_names(TuneJob):
        if field in fields and field != "name":  # a YAML file may have it from its own name
            value = json.loads(json.dumps(tagged(fields[field]), default=lambda _: _OBJECT))
            is_group = field == "space" or field.endswith("_options")
            found |= _parts(field, {"group": value} if is_group else value)
    return found


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and "group" in value:
        for key, part in value["group"].items():
            yield from _parts(f"{name}.{key}", part)
    else:
        yield name, value


def _same(was: Any, now: Any) -> bool:
    if now == _OBJECT:
        return bool(was != _MISSING)
    if isinstance(was, dict) and isinstance(now, dict):
        return set(was) == set(now) and all(_same(was[key], now[key]) for key in now)
    if isinstance(was, list) and isinstance(now, list):
        return len(was) == len(now) and all(map(_same, was, now))
    return json_key(_in_any_module(was)) == json_key(_in_any_module(now))


def _in_any_module(value: Any) -> Any:
    """The file of a job is another module when it runs, when it is imported, and when it moves."""
    is_there = isinstance(value, str) and stands_in_its_file(value)
    return value.partition(":")[2] if is_there else value


def _values(job: TuneJob) -> dict[str, Any]:
    """By the names of `_entries`, as they were declared."""
    found = {field: getattr(job, field) for field in field_names(job)}
    found["callbacks"] = [type(callback).__name__ for callback in job.callbacks]
    groups = {
        "space": job.flat,
        "searcher_options": job.searcher_options,
        "scheduler_options": job.scheduler_options,
    }
    for group, values in groups.items():
        found |= {f"{group}.{name}": value for name, value in values.items()}
    return found


def _words(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return "not there"
    value = values[name]
    if isinstance(value, Domain):
        return _declared(value)
    if isinstance(value, Derived):
        return f"Derived({plain_name(name_of(value.function))})"
    return plain_name(name_of(value)) if callable(value) else shown(value)


def _declared(domain: Domain) -> str:
    """A domain as a job file has it: ``Float(0.1, 1, log=True)``."""
    words = []
    for field in dataclasses.fields(domain):
        value = getattr(domain, field.name)
        if field.default is dataclasses.MISSING:
            words.append(shown(value))
        elif value != field.default:
            words.append(f"{field.name}={shown(value)}")
    return f"{type(domain).__name__}({', '.join(words)})"
