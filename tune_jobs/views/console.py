"""Where a run speaks to a person."""

from __future__ import annotations

from rich.console import Console


class _RunConsole(Console):
    """A run does not end because nobody reads its output any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError("nobody reads the output any more")


def run_console() -> Console:
    return _RunConsole(highlight=False, markup=False, soft_wrap=True)
