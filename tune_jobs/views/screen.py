"""Standard output that shows texts unchanged."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tune_jobs.views import texts

_ENDLESS = 100_000  # columns


class Screen(Console):
    """Texts have no markup and no emoji names; a character that the encoding does not have becomes
    a question mark; outside a terminal no line is wrapped."""

    def __init__(self) -> None:
        with suppress(AttributeError):  # replaced by something without an encoding
            sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        super().__init__(markup=False, highlight=False, emoji=False)
        if not self.is_terminal:
            self.size = (_ENDLESS, self.height)

    def say(self, line: str) -> None:
        """Prints a line that the terminal wraps, so that it can be copied as a whole."""
        self.print(Text(texts.block(line)), soft_wrap=True)


class RunScreen(Screen):
    """For a run, which must not end because nobody reads its output any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError("nobody reads the output any more")


def spinner_of(console: Console) -> str:
    """The name of one that the console can show."""
    return "dots" if console.encoding.startswith("utf") else "line"


def table(*columns: str, **options: Any) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), **options)
    for number, column in enumerate(columns):
        shown.add_column(Text(texts.block(column)), no_wrap=number == 0)
    return shown


def cell(value: Any) -> Text:
    return Text(texts.number(value))
