"""The README and the pages of docs/, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
}


def blocks(page: str, language: str = "") -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    return [text for written_in, text in found if written_in == language]


def block(page: str, word: str, language: str = "python") -> str:
    """The only one that holds the word."""
    (found,) = [text for text in blocks(page, language) if word in text]
    return found


def defined(code: str, name: str) -> Any:
    """What code calls by this name when it has run."""
    namespace: dict[str, Any] = {"__name__": "a_page"}
    exec(code, namespace)
    return namespace[name]
