"""A terminal's screen, as far as the live view uses one."""

from __future__ import annotations

import re

_PART = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Terminal:
    """Attributes:
    lines: of the screen and of what was scrolled out.
    cursor_is_shown: whether it is.
    """

    def __init__(self) -> None:
        self.lines = [""]
        self.cursor_is_shown = True
        self._row = self._column = 0

    def feed(self, text: str) -> Terminal:
        for private, number, command, move, plain in _PART.findall(text):
            if move == "\r":
                self._column = 0
            elif move:
                self._down()
            elif plain:
                self._write(plain)
            elif private:
                self.cursor_is_shown = command == "h"
            elif command == "A":
                self._row = max(0, self._row - int(number or 1))
            elif command == "K":
                self.lines[self._row] = ""
            elif command != "m":
                raise AssertionError(f"ESC [ {number} {command}")
        return self

    @property
    def shown(self) -> str:
        return "\n".join(self.lines).strip()

    def _down(self) -> None:
        self._row, self._column = self._row + 1, 0  # as a terminal is set up
        if self._row == len(self.lines):
            self.lines.append("")

    def _write(self, text: str) -> None:
        line = self.lines[self._row].ljust(self._column)
        end = self._column + len(text)
        self.lines[self._row] = line[: self._column] + text + line[end:]
        self._column = end
