"""Errors for people: mistakes in their input (what, got, allowed, next step), and errors in their
own code with the lines of that code."""

from __future__ import annotations

import importlib
import os
import re
import sysconfig
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_HERE = Path(__file__).parent
_HIDDEN = (f"{_HERE}{os.sep}", f"{Path(importlib.__file__).parent}{os.sep}", "<")
_SHOWN = f"{_HERE / 'models'}{os.sep}"  # code like the user's own
_HOSTS = (  # of the user's own code
    f"{_HERE / 'models' / 'functions'}{os.sep}",
    str(_HERE / "models" / "training" / "cross_validation.py"),
)
_PYTHON = sysconfig.get_path("stdlib") + os.sep
_HIDDEN_LIBRARIES = ("site-packages/ray/", "site-packages/pydantic/")


class UserError(Exception):
    """Bad input. Nothing was started and nothing was overwritten; exit code 2."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def nearest(name: str, names: Iterable[str]) -> str:
    """``did you mean 'asha'?`` if a name is close in meaning or in letters, else the list of
    names."""
    names = sorted(names)
    close = _meant(name.lower(), names) or get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"


_SYNONYMS = {
    "alpha": ["learning_rate"],
    "annealing": ["cosine"],
    "bayes": ["bayesopt"],
    "bo": ["bayesopt"],
    "bohb": ["hyperband"],
    "cma": ["optuna"],
    "cmaes": ["optuna"],
    "epochs": ["max_epochs"],
    "eta": ["reduction_factor", "learning_rate"],
    "ga": ["evolution"],
    "genetic": ["evolution"],
    "gp": ["bayesopt"],
    "l2": ["weight_decay"],
    "max_t": ["max_epochs"],
    "min_t": ["grace_period"],
    "nsga": ["evolution"],
    "num_trials": ["num_samples"],
    "pb2": ["pbt"],
    "quasi": ["sobol"],
    "sha": ["successive_halving"],
    "tpe": ["hyperopt", "optuna"],
    "trials": ["num_samples"],
    "workers": ["max_concurrent"],
}
"""Common names for things that have another name here."""


def _meant(name: str, names: list[str]) -> list[str]:
    """Names with the same meaning: a synonym, the initials (``lr``), or one of their words."""
    synonyms = [known for known in _SYNONYMS.get(name, ()) if known in names]
    parts = {known: known.lower().split("_") for known in names}
    initials = [k for k, words in parts.items() if "".join(w[:1] for w in words) == name]
    given = set(name.split("_"))
    shared = [k for k, words in parts.items() if given <= set(words) or set(words) <= given]
    return [*synonyms, *initials, *shared][:1]


def counted(number: float, thing: str) -> str:
    """``1 trial``, ``2 trials``, ``0.5 GPUs``."""
    shown = f"{number:g}" if isinstance(number, float) else str(number)
    return f"{shown} {thing}{'' if number == 1 else 's'}"


def shortened(text: str, length: int) -> str:
    """The text; if it is longer, its beginning, its end, and the number of characters between."""
    if len(text) <= length:
        return text
    left_out = f" [... {len(text) - length} characters ...] "
    rest = max(0, length - len(left_out))
    return text[: rest - rest // 2] + left_out + text[len(text) - rest // 2 :]


def whole_characters(text: str) -> str:
    """The text, with characters that no encoding can hold (such as bytes of a file name that are
    not UTF-8) as ``\\udce9``."""
    return text.encode("utf-8", "backslashreplace").decode()


class Complaint(NamedTuple):
    """Of pydantic, in our words: a field or a part of a value, what it is, what it has to be."""

    where: str
    value: str
    wanted: str


def complaints(error: ValidationError) -> list[Complaint]:
    return [
        Complaint(".".join(map(str, p["loc"])), shown(p["input"]), _wanted(p))
        for p in error.errors()
    ]


def explain(error: ValidationError, allowed: Iterable[str]) -> UserError:
    """A readable error for pydantic's error about a declaration with the ``allowed`` fields."""
    problems = []
    kinds = [problem["type"] for problem in error.errors()]
    for kind, (field, value, wanted) in zip(kinds, complaints(error), strict=True):
        if kind == "unexpected_keyword_argument":
            problems.append(f"{field!r} is not a field of {error.title}; {nearest(field, allowed)}")
        elif kind == "unexpected_positional_argument":
            problems.append(f"{error.title} takes its fields by name: give {error.title}(name=...)")
        elif kind.startswith("missing"):
            problems.append(f"{error.title} needs {field!r}, which has no default")
        else:
            problems.append(f"{field} is {value}; {wanted}")
    return UserError(*problems)


def shown(value: object) -> str:
    """A value in a message: short, and without an address in memory."""
    text = shortened(repr(value), 200)
    return f"an object of class {type(value).__name__}" if re.search(r" at 0x\w+", text) else text


_KINDS = {
    "bool": "true or false",
    "bytes": "bytes",
    "dict": "a dict",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "mapping": "a dict",
    "set": "a set",
    "string": "text",
    "tuple": "a tuple",
}
_LIMITS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "finite_number": "a finite number",
    "string_pattern_mismatch": "made of letters, digits, _ . -",  # as names are
    "byte_size": "a size such as 500MiB or 20GB",
    "byte_size_unit": "a size such as 500MiB or 20GB",
    "too_short": "of {min_length} or more values",
    "too_long": "of {max_length} values or fewer",
    "is_instance_of": "an object of class {class}",
}


def _wanted(problem: ErrorDetails) -> str:
    """What a value would have to be; of a check of our own or the user's, what that says."""
    kind, limits = problem["type"], problem.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(limits["error"])
    limits = {name: f"{n:g}" if isinstance(n, float) else n for name, n in limits.items()}
    wanted = _LIMITS[kind].format(**limits) if kind in _LIMITS else _KINDS.get(kind.split("_")[0])
    return f"it must be {wanted}" if wanted else "it must be of another type"


def user_traceback(error: BaseException, said: str = "") -> str:
    """The traceback without the frames of tune-jobs, the import system, Ray and pydantic.

    It ends with ``said``, or with the type and text of the error.
    """
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if _is_shown(frame.filename)
    ]
    lines = traceback.format_list(frames)
    lines += [said] if said else traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def _is_shown(file: str) -> bool:
    if file.startswith(_HIDDEN):
        return file.startswith(_SHOWN) and not file.startswith(_HOSTS)
    return not any(library in file for library in _HIDDEN_LIBRARIES)


def own_line(error: str) -> str:
    """The innermost line of a traceback that is not in a library, such as ``my_job.py, line 12:
    loss / 0``; empty if the text has no traceback."""
    frames = re.findall(r'^  File "(.*)", line (\d+), in .*(?:\n    (.*))?', error, re.MULTILINE)
    own = [frame for frame in frames if not _is_of_library(frame[0])] or frames
    if not own:
        return ""
    file, number, code = own[-1]
    return f"{Path(file).name}, line {number}{': ' if code else ''}{code}"


def _is_of_library(file: str) -> bool:
    return "site-packages" in file or file.startswith(_PYTHON)


def kind_of(error: str) -> str:
    """A key that errors with the same cause share: the places in the traceback and the type; or,
    without a traceback, the last line without its numbers."""
    places = re.findall(r"^  File .*$", error, re.MULTILINE)
    last = error.strip().rpartition("\n")[2]
    return "\n".join([*places, last.partition(":")[0]]) if places else re.sub(r"\d+", "", last)
