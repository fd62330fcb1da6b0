"""Ensures that nothing outlives this process, even if it is killed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from subprocess import DEVNULL

# The pipe that it reads ends with our process, even after SIGKILL. PR_SET_PDEATHSIG would end only
# one process and not its children, already when the thread that started it ends, and only on Linux.
_SCRIPT = """
while read -r line; do group=$line; done
[ -z "$group" ] || kill -9 "-$group"
rm -rf "$1"
"""


class Guard:
    """Ends a group of processes and removes a folder when this process ends."""

    def __init__(self, folder: Path) -> None:
        read, self._write = os.pipe()
        self._process = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "sh", str(folder)],
            stdin=read,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,  # a signal to our group or terminal does not end it
        )
        os.close(read)

    def watch(self, group: int | None) -> None:
        """Sets the group; None once it has ended, because its number may be used again."""
        os.write(self._write, f"{group or ''}\n".encode())

    def dismiss(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
