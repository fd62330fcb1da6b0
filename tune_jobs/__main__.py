"""`tune-jobs`, and `python -m tune_jobs`."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tune_jobs.runs.interrupt import before_exit, end_at_once_when_told


def main() -> None:
    end_at_once_when_told()
    # Imports make a million objects. To look for garbage among them every 700 takes a tenth of the
    # time of the whole command.
    gc.set_threshold(100_000)
    with _saying("importing tune-jobs"):
        from tune_jobs.cli.commands import main as command

    try:
        command()
    except SystemExit as end:
        with suppress(OSError):  # nobody reads the output any more
            sys.stdout.flush()
        # Python would take apart what is in memory, for seconds on a busy machine, and deaf.
        os._exit(end.code if isinstance(end.code, int) else 0)


@contextmanager
def _saying(what: str) -> Iterator[None]:
    """Shows a line in a terminal, for a command that takes long and has no view yet."""
    if sys.argv[1:2] not in (["run"], ["resume"]) or not sys.stdout.isatty():
        yield
        return
    _write(f"{what}\r")
    try:
        with before_exit(lambda: _write(_ERASED)):
            yield
    finally:
        _write(_ERASED)


_ERASED = "\x1b[2K"


def _write(text: str) -> None:
    with suppress(OSError):
        sys.stdout.write(text)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
