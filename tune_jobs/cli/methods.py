"""The searchers and schedulers there are, and what goes with what, as Markdown tables.

All of it is read off the classes: their first docstring line and their attributes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pkgutil import resolve_name
from typing import Any

from tune_jobs.search_algos.base import Scheduler, Searcher
from tune_jobs.search_algos.schedulers import SCHEDULERS
from tune_jobs.search_algos.searchers import SEARCHERS


def methods_markdown() -> str:
    """Three tables: the searchers, the schedulers, and every pair."""
    searchers: Mapping[str, type[Searcher]] = _classes(SEARCHERS)
    schedulers: Mapping[str, type[Scheduler]] = _classes(SCHEDULERS)
    return "\n\n".join(
        [
            _table(
                ["searcher", "learns", "conditions", "in the background", "what it does"],
                (
                    [
                        f"`{name}`",
                        _mark(cls.learns),
                        _mark(cls.supports_conditions),
                        _mark(cls.takes_long),
                        _first_line(cls),
                    ]
                    for name, cls in searchers.items()
                ),
            ),
            _table(
                ["scheduler", "pauses", "clones", "goes by", "what it does"],
                (
                    [
                        f"`{name}`",
                        _mark(cls.pauses_trials),
                        _mark(cls.clones_trials),
                        "ranks" if cls.rank_based else "values",
                        _first_line(cls),
                    ]
                    for name, cls in schedulers.items()
                ),
            ),
            _table(
                ["", *(f"`{name}`" for name in schedulers)],
                (
                    [f"`{name}`", *(_pair(searcher, cls) for cls in schedulers.values())]
                    for name, searcher in searchers.items()
                ),
            ),
        ]
    )


def _pair(searcher: type[Searcher], scheduler: type[Scheduler]) -> str:
    """Whether they work together, and what they need for it."""
    needs = []
    if scheduler.clones_trials:
        needs.append("a model with `reconfigure`")
    if not searcher.supports_conditions:
        needs.append("a space without conditions")
    return f"needs {' and '.join(needs)}" if needs else "yes"


def _classes(registry: Mapping[str, str]) -> dict[str, Any]:
    return {name: resolve_name(target) for name, target in sorted(registry.items())}


def _first_line(cls: type) -> str:
    paragraph = (inspect.getdoc(cls) or "").split("\n\n")[0]
    return paragraph.replace("\n", " ")


def _mark(yes: bool) -> str:
    return "yes" if yes else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
