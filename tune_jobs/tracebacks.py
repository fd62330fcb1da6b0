"""Errors in a person's own code, shown as that code sees them."""

from __future__ import annotations

import importlib
import re
import traceback
from pathlib import Path

import search_algos

_HIDDEN = tuple(
    str(Path(file).parent) for file in (__file__, search_algos.__file__, importlib.__file__) if file
)
_HIDDEN_LIBRARIES = ("site-packages/ray/", "site-packages/pydantic/")


def user_traceback(error: BaseException, said: str = "") -> str:
    """The traceback without frames of ours, of the import system, of Ray and of pydantic.

    It ends with ``said``, or with the error's own type and text.
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*_HIDDEN, "<"))
        and not any(library in frame.filename for library in _HIDDEN_LIBRARIES)
    ]
    lines = traceback.format_list(frames)
    lines += [said] if said else traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def kind_of(error: str) -> str:
    """What errors with the same cause have in common: the places in a traceback and the type,
    or, where there is none, the last line without its numbers."""
    places = re.findall(r"^  File .*$", error, re.MULTILINE)
    last = error.strip().rpartition("\n")[2]
    return "\n".join([*places, last.partition(":")[0]]) if places else re.sub(r"\d+", "", last)
