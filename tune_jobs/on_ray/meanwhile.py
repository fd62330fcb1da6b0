"""What is different for a while: environment variables, attributes of others' classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Inside, these environment variables are set."""
    before = {name: os.environ[name] for name in settings if name in os.environ}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in settings:
            os.environ.pop(name, None)
        os.environ.update(before)


@contextmanager
def replaced(owner: type, name: str, by: Callable[..., Any]) -> Iterator[None]:
    """Inside, a class has another method of this name."""
    before = getattr(owner, name)
    setattr(owner, name, by)
    try:
        yield
    finally:
        setattr(owner, name, before)
