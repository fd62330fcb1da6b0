"""A job as JSON, and the job of a run."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from tune_jobs.errors import UserError, explain
from tune_jobs.experiment.extent import Extent
from tune_jobs.experiment.facts import Fact, RunResumed
from tune_jobs.experiment.objective import Counts, Mode, Objective
from tune_jobs.experiment.state import RunState
from tune_jobs.job.code import import_file, plain_name, stands_in_its_file, started_here
from tune_jobs.job.derived import Elsewhere, restored
from tune_jobs.job.files import job_in
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import (
    RAY_TUNE,
    field_names,
    has_its_name,
    is_from_ray_tune,
    module_of,
    name_of,
    short_name,
)
from tune_jobs.search_algos import domains
from tune_jobs.search_algos.conditions import from_json
from tune_jobs.search_algos.derived import Derived
from tune_jobs.search_algos.domains import Domain
from tune_jobs.search_algos.domains.values import tagged
from tune_jobs.search_algos.nested import flat, groups
from tune_jobs.search_algos.space import split

_CODE = ("model", "test", "searcher", "scheduler")
"""The fields of a job that are code, or names of code."""
_OBJECTS = ("callbacks", "stop")
"""The fields of a job that may hold objects; only its declaration has them."""


@dataclasses.dataclass(frozen=True)
class Declaration:
    """The part of job.json that a view needs, without importing the model.

    ``num_samples`` and ``max_epochs`` are those at the start of the run.
    """

    name: str
    metric: str | list[str]
    mode: Mode | list[Mode]
    num_samples: int
    max_epochs: int
    seed: int
    constants: dict[str, Any]
    folds: int | None = None
    best: Counts | None = None
    time_attr: str | None = None

    @property
    def objective(self) -> Objective:
        return Objective.of(self.metric, self.mode, self.folds, self.best, self.time_attr)

    @property
    def extent(self) -> Extent:
        """The extent at the start of the run."""
        return Extent(self.num_samples, self.folds or self.max_epochs)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Declaration:
        """The part of the content of a job.json."""
        return cls(**{name: content[name] for name in field_names(cls) if name in content})

    def state(self, facts: Iterable[Fact]) -> RunState:
        return RunState.of(facts, self.objective, self.extent)


def as_json(job: TuneJob, file: Path | None, declared: TuneJob | None = None) -> dict[str, Any]:
    """The job, with the file it is declared in, for a JSON file that is read with `untagged`.

    Args:
        declared: the job as the file declares it. Its fields in which the job differs are
            ``replaced``.
    """
    fields = fields_as_json(job)
    # The other values that a run fills in are fields of the job and may grow.
    constants = {
        name: v for name, v in job.constants().items() if name in job.flat or name == "seed"
    }
    written = {**fields, "constants": tagged(constants)}
    if declared is not None:
        then = fields_as_json(declared)
        written["replaced"] = {name: v for name, v in then.items() if v != fields[name]}
    return {**written, "file": None if file is None else str(file), **started_here()}


def fields_as_json(job: TuneJob) -> dict[str, Any]:
    """The fields of the job for JSON, its code by name. Does not import the model."""
    fields = {field: getattr(job, field) for field in field_names(job)}
    for kind in _CODE:
        value = fields[kind]
        # Only the file can provide an object.
        own = is_from_ray_tune(value)
        fields[kind] = f"{RAY_TUNE}{type(value).__qualname__}" if own else _name(value)
    fields["callbacks"] = [name_of(type(callback)) for callback in job.callbacks]
    if callable(job.stop):
        fields["stop"] = f"{module_of(job.stop)}:{short_name(job.stop)}"
    fields["space"] = {name: _written(value) for name, value in job.space.items()}
    written: dict[str, Any] = tagged(fields)
    return written


def rebuilt(
    found: Mapping[str, Any], facts: Iterable[Fact], code: TuneJob | ModuleType | None = None
) -> TuneJob:
    """The job of a run after its facts: as it was declared at the start, except that its code
    comes from the file.

    Args:
        found: the content of job.json.
        code: a job that has the code, or the module of the job file; by default `code_of`.

    Raises UserError as `code_of` does, and if the file lacks some of the code.
    """
    fields = _recorded(found)
    for fact in facts:
        if isinstance(fact, RunResumed):
            fields["num_samples"] = fact.num_samples
            if not fields.get("folds"):
                fields["max_epochs"] = fact.max_epochs
    code = code or code_of(found)
    if isinstance(code, TuneJob):
        fields |= {kind: getattr(code, kind) for kind in (*_CODE, *_OBJECTS)}
        fields["space"] = restored(fields["space"], code.space)
    elif code is not None:
        fields |= _code_in(code, fields)
    try:
        return TuneJob(**fields)
    except ValidationError as error:
        raise explain(error, field_names(TuneJob)) from error


def space_of(found: Mapping[str, Any]) -> dict[str, Domain]:
    """The domains of the content of a job.json, without the code of the job. Raises ValueError,
    KeyError or TypeError for one that is damaged."""
    space, _ = split({name: _read(value) for name, value in found["space"].items()})
    return dict(space)


def code_of(found: Mapping[str, Any]) -> ModuleType | None:
    """The job file of a run, imported as it is now; None for a run that needs no code of it. In a
    notebook it is the notebook.

    The file is also imported if the job names anything that is not registered: the file may make
    it importable.

    Args:
        found: the content of job.json.

    Raises UserError if the file is needed, but missing or not importable.
    """
    fields, file = _recorded(found), found.get("file")
    named, objects = _named(fields).values(), _objects(fields)
    if not objects and not any(":" in name for name in named):
        return None
    if file is not None and Path(file).is_file():
        return import_file(Path(file).resolve())
    main = sys.modules["__main__"]
    only_there = [*filter(_is_only_there, named), *chain(*objects.values())]
    if not objects and all(_is_in(main, name) for name in only_there):
        return main
    where = f"the job file {file}, which is not here" if file else "a notebook"
    raise UserError(
        f"{plain_name(only_there[0])!r} was in {where}; name the file that has it now with "
        "--job-file"
    )


def _recorded(found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the job in the content of a job.json."""
    fields = {name: found[name] for name in field_names(TuneJob) if name in found}
    return {**fields, "space": {name: _read(value) for name, value in found["space"].items()}}


def _code_in(module: ModuleType, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The code that only a module has."""
    inside = {kind: name for kind, name in _named(fields).items() if _is_only_there(name)}
    objects = _objects(fields)
    found = {kind: _inside(module, kind, name) for kind, name in inside.items()}
    found |= {field: getattr(job_in(module), field) for field in objects}
    if "space" in objects:  # as it was at the start, with the functions of now
        found["space"] = restored(fields["space"], found["space"])
    return found


def _named(fields: Mapping[str, Any]) -> dict[str, str]:
    return {kind: str(fields.get(kind)) for kind in _CODE}


def _objects(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names of the objects that only the declaration has, by field."""
    found = {"callbacks": fields.get("callbacks") or []}
    if isinstance(fields.get("stop"), str):
        found["stop"] = [fields["stop"]]
    derived = [v for v in flat(fields["space"]).values() if isinstance(v, Derived)]
    found["space"] = [v.function.name for v in derived if isinstance(v.function, Elsewhere)]
    return {field: names for field, names in found.items() if names}


def _name(code: Any) -> str | None:
    return None if code is None else name_of(code)


def _is_only_there(name: str) -> bool:
    return not has_its_name(name) or stands_in_its_file(name)


def _is_in(main: ModuleType, name: str) -> bool:
    """Whether this notebook defines it."""
    return name.startswith("__main__:") and hasattr(main, name.removeprefix("__main__:"))


def _inside(module: ModuleType, kind: str, name: str) -> Any:
    path = name.partition(":")[2]
    if not has_its_name(name):
        return getattr(job_in(module), kind)
    try:
        return attrgetter(path)(module)
    except AttributeError:
        raise UserError(f"{kind} {path!r} is no longer in the job file {module.__file__}") from None


def _written(value: Any) -> Any:
    """A value of a space for job.json; `_read` gives it back."""
    if isinstance(value, Derived):
        return {"derived": name_of(value.function)}
    if isinstance(value, Domain):
        return {"domain": type(value).__name__, **dataclasses.asdict(value)}
    if not isinstance(value, dict):
        return value
    if groups({"": value}):
        return {"group": {name: _written(part) for name, part in value.items()}}
    return {"constant": value}


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "constant" in value:
        return value["constant"]
    if "derived" in value:
        return Derived(Elsewhere(value["derived"]))
    if "group" in value:
        return {name: _read(part) for name, part in value["group"].items()}
    fields = dict(value)
    fields["when"] = {name: from_json(w) for name, w in (fields.get("when") or {}).items()} or None
    return getattr(domains, fields.pop("domain"))(**fields)
