"""The searchers and schedulers, and which of them work together.

Everything is read from the source of the classes, their docstrings and attributes, without
importing them: some import libraries that take seconds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS
from tune_jobs.views.screen import cell, table

_SEARCHER_COLUMNS = [
    *("searcher", "learns", "conditions", "several metrics", "in the background", "what it does")
]
_SCHEDULER_COLUMNS = ["scheduler", "pauses", "clones", "several metrics", "goes by", "what it does"]


class _Method(NamedTuple):
    name: str
    does: str
    attributes: Mapping[str, Any]

    @property
    def needs(self) -> str:
        if self.attributes.get("clones_trials"):
            return "a model with `reconfigure`"
        if self.attributes.get("supports_conditions", True):
            return ""
        return "a space without conditions"


def print_methods(console: Console) -> None:
    """Prints two tables, and what some methods need."""
    searchers, schedulers = _methods(SEARCHERS), _methods(SCHEDULERS)
    for columns, rows in (
        (_SEARCHER_COLUMNS, map(_searcher_row, searchers)),
        (_SCHEDULER_COLUMNS, map(_scheduler_row, schedulers)),
    ):
        shown = table(*columns)
        for row in rows:
            shown.add_row(*map(cell, row))
        console.print(shown)
        console.print()
    console.print(Text("Any searcher works with any scheduler."), soft_wrap=True)
    for method in filter(lambda method: method.needs, [*searchers, *schedulers]):
        console.print(Text(f"{method.name} needs {method.needs}."), soft_wrap=True)


def methods_markdown() -> str:
    """Three tables: the searchers, the schedulers, and every pair."""
    searchers, schedulers = _methods(SEARCHERS), _methods(SCHEDULERS)
    return "\n\n".join(
        [
            _markdown(_SEARCHER_COLUMNS, map(_searcher_row, searchers)),
            _markdown(_SCHEDULER_COLUMNS, map(_scheduler_row, schedulers)),
            _markdown(
                ["", *(f"`{method.name}`" for method in schedulers)],
                ([one.name, *(_pair(one, other) for other in schedulers)] for one in searchers),
            ),
        ]
    )


def _searcher_row(method: _Method) -> list[str]:
    marks = map(
        method.attributes.get, ("learns", "supports_conditions", "several_metrics", "takes_long")
    )
    return [method.name, *map(_mark, marks), method.does]


def _scheduler_row(method: _Method) -> list[str]:
    marks = map(method.attributes.get, ("pauses_trials", "clones_trials", "several_metrics"))
    by = "ranks" if method.attributes["rank_based"] else "values"
    return [method.name, *map(_mark, marks), by, method.does]


def _pair(searcher: _Method, scheduler: _Method) -> str:
    """Whether they work together, and what they need for it."""
    needs = [needed for needed in (scheduler.needs, searcher.needs) if needed]
    return f"needs {' and '.join(needs)}" if needs else "yes"


def _mark(yes: Any) -> str:
    return "yes" if yes else ""


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    coded = ([f"`{name}`", *rest] for name, *rest in rows)
    lines = [columns, ["---"] * len(columns), *coded]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _methods(registry: Mapping[str, str]) -> list[_Method]:
    return [_described(name, target) for name, target in sorted(registry.items())]


def _described(name: str, target: str) -> _Method:
    module, _, class_name = target.partition(":")
    classes = list(_with_bases(module, class_name))
    attributes: dict[str, Any] = {}
    for found in reversed(classes):
        attributes |= _attributes(found)
    paragraph = (ast.get_docstring(classes[0]) or "").split("\n\n")[0]
    return _Method(name, paragraph.replace("\n", " "), attributes)


def _with_bases(module: str, name: str) -> Iterator[ast.ClassDef]:
    """The source of a class and of those of our classes that it is derived from."""
    spec = find_spec(module)
    tree = ast.parse(Path(spec.origin).read_text("utf-8") if spec and spec.origin else "")
    imported = {
        alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            yield node
            for base in node.bases:
                if isinstance(base, ast.Name) and "tune_jobs" in imported.get(base.id, module):
                    yield from _with_bases(imported.get(base.id, module), base.id)


def _attributes(found: ast.ClassDef) -> dict[str, Any]:
    """The plain values among a class' attributes."""
    attributes = {}
    for node in found.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                attributes[target.id] = value.value
    return attributes
