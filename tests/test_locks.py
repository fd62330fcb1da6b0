"""The exact versions that `make` installs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def pinned(lock: str) -> set[str]:
    return set(re.findall(r"^\S+==\S+", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_frameworks_change_no_version_of_the_others() -> None:
    assert pinned("requirements.lock") <= pinned("frameworks.lock")
    assert any(pin.startswith("keras==") for pin in pinned("frameworks.lock"))


def test_no_lock_names_the_place_it_came_from() -> None:
    for lock in ("requirements.lock", "frameworks.lock"):
        assert "://" not in (ROOT / lock).read_text()
