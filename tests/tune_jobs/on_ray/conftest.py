"""A job file, the drivers that run it, and what its trials log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from drivers import Start, drivers


@pytest.fixture
def start(ray_session: None) -> Iterator[Start]:
    with drivers() as start:
        yield start


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the job is declared."""
    return tmp_path / "mine.py"


@pytest.fixture
def log(file: Path) -> Path:
    """Where its trials write their epochs."""
    return file.with_name("log")
