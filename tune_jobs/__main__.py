"""`tune-jobs`, and `python -m tune_jobs`."""

import os
import sys
from contextlib import suppress

from tune_jobs.runs.interrupt import end_at_once_when_told


def main() -> None:
    end_at_once_when_told()
    from tune_jobs.cli.commands import main as command  # takes a while to import

    try:
        command()
    except SystemExit as end:
        with suppress(OSError):  # nobody reads the output any more
            sys.stdout.flush()
        # Python would take apart what is in memory, for seconds on a busy machine, and deaf.
        os._exit(end.code if isinstance(end.code, int) else 0)


if __name__ == "__main__":
    main()
