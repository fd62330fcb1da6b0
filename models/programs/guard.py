"""Sees to it that nothing outlives this process, even if that is killed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from subprocess import DEVNULL

# The pipe that it reads ends with our process, even by SIGKILL. PR_SET_PDEATHSIG would end one
# process and not what that started, would do so when the thread that started it ends, and needs
# Linux.
_SCRIPT = """
while read -r line; do group=$line; done
[ -z "$group" ] || kill -9 "-$group"
rm -rf "$1"
"""


class Guard:
    """Waits for the end of this process, to end a group of processes and remove a folder."""

    def __init__(self, folder: Path) -> None:
        read, self._write = os.pipe()
        self._process = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "sh", str(folder)],
            stdin=read,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,  # what ends our group or terminal does not end it
        )
        os.close(read)

    def watch(self, group: int | None) -> None:
        """Names the group; None where it has ended, and its number may become another's."""
        os.write(self._write, f"{group or ''}\n".encode())

    def dismiss(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
