"""A job as a YAML file: the fields of `TuneJob`, and domains such as ``{float: [1e-4, 0.1], log:
true}``."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from pydantic import ValidationError

from tune_jobs.errors import UserError, explain, nearest, shown
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.names import field_names
from tune_jobs.search_algos.domains import Choice, Domain, Float, Int, SpaceError

SUFFIXES = (".yaml", ".yml")

_DOMAINS = {"float": Float, "int": Int, "choice": Choice}
_ELSEWHERE = {
    *("values", "min", "max", "distribution", "grid_search", "type", "bounds"),
    *("uniform", "loguniform", "quniform", "randint", "categorical"),
}
"""Keys of domains in the files of other tuners."""
_WRITE = "write {float: [low, high]}, {int: [low, high]} or {choice: [...]}, with log, step or when"


def module_of_yaml(path: Path) -> ModuleType:
    """A module with the job, and the first comment of the file as its docstring.

    Raises UserError, with the place in the file, for a file that is no job.
    """
    module = ModuleType(path.stem, _first_comment(path.read_text(errors="replace")))
    module.__file__ = str(path)
    where = f"job file {str(path)!r}"
    try:
        with path.open("rb") as file:  # with its name, for messages
            content = yaml.load(file, _Loader)
        vars(module)["job"] = _job(content, path.stem)
    except yaml.YAMLError as error:
        raise UserError(f"{where} is not YAML: {error}") from None
    except SpaceError as error:
        raise UserError(f"{where}: {error}") from None
    except RecursionError:
        raise UserError(f"{where}: a value with an anchor (&) holds itself") from None
    except UserError as error:
        raise UserError(*(f"{where}: {problem}" for problem in error.problems)) from None
    return module


def _job(content: Any, name: str) -> TuneJob:
    if not isinstance(content, dict):
        raise UserError(f"it is {shown(content)}; write the fields of a job, such as model: ...")
    fields = {"name": name, **content}
    if isinstance(fields.get("space"), dict):
        fields["space"] = {key: _value(key, value) for key, value in fields["space"].items()}
    try:
        return TuneJob(**fields)
    except ValidationError as error:
        raise explain(error, field_names(TuneJob)) from None
    except TypeError:  # a field whose name is no text
        raise UserError(f"{shown(content)} has a field whose name is not a text") from None


def _value(name: str, value: Any) -> Any:
    """A domain, a dict of values, or a plain value."""
    if not isinstance(value, dict):
        return value
    kinds = [key for key in value if key in _DOMAINS]
    if len(kinds) == 1:
        return _domain(name, kinds[0], value)
    for key in map(str, value):
        if kinds or key in _ELSEWHERE or get_close_matches(key, _DOMAINS, cutoff=0.7):
            raise SpaceError(f"{name!r} is {shown(value)}; {_WRITE}")
    return {key: _value(f"{name}.{key}", inner) for key, inner in value.items()}


def _domain(name: str, kind: str, value: dict[str, Any]) -> Domain:
    cls, rest = _DOMAINS[kind], dict(value)
    given = rest.pop(kind)
    allowed = [field for field in field_names(cls) if field not in ("low", "high", "values")]
    for key in rest:
        if key not in allowed:
            raise SpaceError(f"{name!r} has {key!r}; {nearest(str(key), allowed)}")
    if not isinstance(given, list):
        raise SpaceError(f"{name!r} is {shown(value)}; {_WRITE}")
    if cls is Choice:
        return Choice(given, **rest)
    if len(given) != 2 or not all(_is_number(end) for end in given):
        raise SpaceError(f"{name!r} is {shown(value)}; {kind} needs [low, high], two numbers")
    return Float(*given, **rest) if cls is Float else Int(*given, **rest)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _first_comment(text: str) -> str:
    found = re.match(r"(?:#.*\n)*", text)
    lines = found.group().splitlines() if found else []
    return "\n".join(line.lstrip("#").strip() for line in lines)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # without types
    """YAML 1.2 where the library has 1.1: 1e-4 is a number, yes and off are texts. A key that is
    there twice is an error."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if (key.tag, str(key.value)) in seen:
                said = f"{key.value!r} is there twice"
                raise yaml.composer.ComposerError(None, None, said, key.start_mark)
            seen.add((key.tag, str(key.value)))
        return node


_NEW = {
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "tag:yaml.org,2002:float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
_Loader.yaml_implicit_resolvers = {
    first: [rule for rule in rules if rule[0] not in _NEW]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, (_pattern, _first) in _NEW.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list(_first))
