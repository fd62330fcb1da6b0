"""Watching a run that another process drives."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from runs import falling, run_in_folder, tiny_job

from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.lock import locked
from tune_jobs.views.watch import watch

PATIENCE = 60.0


class Screen(Console):
    """A console that a test reads while another thread writes to it."""

    def __init__(self, **options: Any) -> None:
        self.text = io.StringIO()
        super().__init__(file=self.text, width=100, height=24, **options)

    def wait_for(self, words: str) -> None:
        wait_for(lambda: words in self.text.getvalue())


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def watching(folder: RunFolder, console: Console) -> Iterator[threading.Thread]:
    """Inside, the run is driven and watched."""
    thread = threading.Thread(target=watch, args=(folder, console), daemon=True)
    with locked(folder):
        thread.start()
        yield thread
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return run_in_folder(tmp_path / "storage" / "first", tiny_job(), falling)


def cut(folder: RunFolder, lines: int) -> bytes:
    """Leaves the first lines of the journal; returns the others."""
    whole = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(whole[:lines]))
    return b"".join(whole[lines:])


def append(folder: RunFolder, rest: bytes) -> None:
    with folder.journal.open("ab") as journal:
        journal.write(rest)


@pytest.mark.parametrize("terminal", [False, True])
def test_what_another_process_records_is_shown_until_it_lets_go(
    folder: RunFolder, terminal: bool
) -> None:
    rest, screen = cut(folder, 30), Screen(force_terminal=terminal, color_system=None)
    with watching(folder, screen) as thread:
        screen.wait_for("best loss")
        assert "trials 10/10" not in screen.text.getvalue()
        append(folder, rest)
        screen.wait_for("trials 10/10")
        assert thread.is_alive(), "the driver may still have something to do"
    said = screen.text.getvalue()
    assert "starting" not in said
    assert ("\x1b" in said) == terminal


def test_what_happened_before_is_one_line(folder: RunFolder) -> None:
    screen = Screen()
    watch(folder, screen)
    assert len(screen.text.getvalue().splitlines()) == 1


def test_a_journal_that_was_cut_is_read_anew(folder: RunFolder) -> None:
    screen = Screen(force_terminal=True, color_system=None)

    def ended() -> str:
        return screen.text.getvalue().rpartition("trials ")[2].partition("/")[0]

    with watching(folder, screen):
        wait_for(lambda: ended() == "10")
        rest = cut(folder, 30)
        wait_for(lambda: ended() != "10")
        append(folder, rest)
    assert ended() == "10"


def test_a_run_without_a_fact_is_waited_for(folder: RunFolder) -> None:
    whole, screen = cut(folder, 0), Screen()
    folder.journal.unlink()
    with watching(folder, screen):
        folder.journal.write_bytes(whole)
    assert "trials 10/10" in screen.text.getvalue()


def test_the_command_ends_with_the_table_of_the_run(tune_jobs: Any, folder: RunFolder) -> None:
    code, out, _ = tune_jobs("status", "first", "--watch")
    assert code == 0
    assert "first: finished" in out
    for wrong in (["--watch"], ["first", "--watch", "--json"]):
        code, _, err = tune_jobs("status", *wrong)
        assert code == 2
        assert "--watch follows one run" in err


def test_ctrl_c_ends_it_without_a_traceback_and_without_ray(folder: RunFolder) -> None:
    cut(folder, 30)
    script = (
        "import sys\n"
        "from tune_jobs.cli.commands import main\n"
        "try: main()\n"
        "finally: print({'ray', 'torch', 'numpy', 'pandas'} & set(sys.modules))"
    )
    command = [sys.executable, "-uc", script, "status", str(folder.path), "--watch"]
    with (
        locked(folder),
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watcher,
    ):
        assert watcher.stdout
        assert "best loss" in watcher.stdout.readline()
        watcher.send_signal(signal.SIGINT)
        out, err = watcher.communicate(timeout=PATIENCE)
    assert watcher.returncode == 128 + signal.SIGINT
    assert (out, err.strip()) == ("set()\n", "")
