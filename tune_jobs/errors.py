"""Mistakes a person made, told in a way that helps them: what, got, allowed, next step."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import ValidationError


class UserError(Exception):
    """Bad input. Nothing was started and nothing was overwritten; exit code 2."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def nearest(name: str, names: Iterable[str]) -> str:
    """``did you mean 'asha'?`` where a name is close, the list of names where none is."""
    names = sorted(names)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"


def explain(error: ValidationError, allowed: Iterable[str]) -> UserError:
    """Pydantic's complaint about a declaration with the ``allowed`` fields, in our words."""
    problems = []
    for problem in error.errors():
        field = ".".join(map(str, problem["loc"]))
        said = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "unexpected_keyword_argument":
            problems.append(f"{field!r} is not a field of {error.title}; {nearest(field, allowed)}")
        elif problem["type"].startswith("missing"):
            problems.append(f"{error.title} needs {field!r}, which has no default")
        else:
            problems.append(f"{field} is {problem['input']!r}; {said[0].lower()}{said[1:]}")
    return UserError(*problems)
