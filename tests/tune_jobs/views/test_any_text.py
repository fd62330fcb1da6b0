"""Whatever stands in a name, a value or an error, every view and screen shows it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.console import Console
from runs import falling, run_in_folder, tiny_job
from shown import run_with_views

from tune_jobs.cli import screens
from tune_jobs.experiment.facts import TEXT_LENGTH
from tune_jobs.experiment.trial import Status
from tune_jobs.runs.folder import RunFolder
from tune_jobs.search_algos.domains import Choice, Float
from tune_jobs.simulation.simulate import Epoch, simulate
from tune_jobs.views.progress import LineProgress, LiveProgress
from tune_jobs.views.view import Views

ANY_TEXT = st.text(max_size=30) | st.sampled_from(
    [
        *("[/INST]", "[bold]", "[a-z]+", ":smile:", "\x1b[2J\x1b[31m", "\r", "\n\n", "\t", "\x00"),
        *("\u202e", "\u2028", "\ud800", "\udce9", "e\u0301", "宽", "x" * 100_000, "-", "{}", "%s"),
    ]
)


@settings(max_examples=60)
@given(
    texts=st.lists(ANY_TEXT, min_size=6, max_size=6, unique=True),
    mode=st.sampled_from(["min", "max"]),
)
def test_any_text_can_be_shown(
    texts: list[str], mode: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    metric, other, name, error, *choices = texts
    assume(metric)
    job = tiny_job(
        space={"x": Float(0, 1), name: Choice(choices), "fixed": error},
        metric=metric,
        mode=mode,
        max_failures=1,
        num_samples=8,
    )

    def curve(config: Mapping[str, Any], epoch: int) -> Epoch:
        if config["x"] > 0.7:
            raise RuntimeError(error)
        return Epoch({metric: config["x"] / epoch, other: 1.0}, 1.0)

    folder = RunFolder(tmp_path_factory.mktemp("any") / "run")
    screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # strict
    console = Console(file=screen, force_terminal=True, width=80, markup=True)
    state = run_with_views(folder, job, curve, console, Views())
    assert not state.warnings
    rows = list(csv.DictReader((folder.path / "trials.csv").open(encoding="utf-8")))
    assert len(rows) == 8
    assert all("\x00" not in value for row in rows for value in row.values())
    screen.flush()
    shown = screen.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert "\x1b[2J" not in shown, "no text of a run moves the cursor"
    summary = json.loads((folder.path / "summary.json").read_text())
    assert summary["best"]["config"].keys() == {"seed", "fixed", "x", name}


@settings(max_examples=15)
@given(texts=st.lists(ANY_TEXT, min_size=4, max_size=4, unique=True))
def test_any_text_can_be_read_on_the_screens(
    texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    def whole(text: str) -> str:  # what a journal holds
        return text.encode(errors="replace").decode()

    metric, name, *choices = map(whole, texts)
    assume(metric)
    assume(len({metric, name, *choices}) == 4)
    job = tiny_job(space={"x": Float(0, 1), name: Choice(choices)}, metric=metric, max_failures=0)

    def curve(config: Mapping[str, Any], epoch: int) -> Epoch:
        if config["x"] > 0.7:
            raise RuntimeError(choices[0])
        return Epoch({metric: config["x"] / epoch}, 1.0)

    folder = run_in_folder(tmp_path_factory.mktemp("any") / "run", job, curve)
    screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=screen, width=100)
    module = type(sys)("job")
    module.__doc__ = texts[0]
    screens.print_run(console, folder)
    screens.print_runs(console, [folder])
    screens.print_job(console, job, module)
    screens.print_jobs(console, [(job, module)])
    screen.flush()
    assert "\x1b" not in screen.buffer.getvalue().decode()  # type: ignore[attr-defined]


def test_an_endless_error_is_cut_where_it_is_recorded(tmp_path: Path) -> None:
    def dies(config: Mapping[str, Any], epoch: int) -> Epoch:
        raise RuntimeError("begin" + 32_000_000 * "x" + "the end")

    job = tiny_job(max_failures=0, num_samples=2)
    folder = run_in_folder(tmp_path / "run", job, dies)
    assert folder.journal.stat().st_size < 4 * TEXT_LENGTH
    (row, _) = csv.DictReader((folder.path / "trials.csv").open())
    assert row["error"].startswith("begin")
    assert row["error"].endswith("the end")
    assert "characters ..." in row["error"]


def test_an_error_that_is_no_utf8_is_kept_whole(tmp_path: Path) -> None:
    """A file's name from a file system of before: os.listdir has its bytes as half characters."""

    def dies(config: Mapping[str, Any], epoch: int) -> Epoch:
        raise RuntimeError(f"no header in {os.fsdecode(b'caf' + bytes([0xE9]) + b'.csv')}")

    folder = RunFolder(tmp_path / "run")
    job = tiny_job(max_failures=0, num_samples=2)
    console = Console(file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    state = run_with_views(folder, job, dies, console, Views())
    assert state.counts[Status.FAILED] == 2
    assert not state.warnings
    assert r"no header in caf\udce9.csv" in (folder.errors / "00000.txt").read_text()


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from runs import *
from tune_jobs.search_algos.domains import Choice
from tune_jobs.views.progress import progress_view
from tune_jobs.views.screen import RunScreen
from tune_jobs.views.view import Views

space = {{"x": Float(0, 1), "text": Choice(["\\xd7[/INST]\\xe9", "\\ud800"])}}
job = tiny_job(space=space, num_samples=3)
screen = RunScreen()
screen.say("\\xd7 \\xe9 \\ud800 [/bold]")
views = Views()
view = progress_view(job, screen)
views.add(view)
from tune_jobs.experiment.facts import Closed
experiment = job.build_experiment()
experiment.start(lambda fact: fact, views.on_fact)
views.warn_by(experiment.warn)
simulate(experiment, falling, 2)
experiment.record(Closed(status="finished"))
views.close()
assert not experiment.state.warnings, experiment.state.warnings
print(type(view).__name__)
"""


@pytest.mark.parametrize("settings", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX"}])
@pytest.mark.parametrize("in_terminal", [False, True])
def test_a_terminal_of_another_encoding_shows_what_it_can(
    settings: dict[str, str], in_terminal: bool
) -> None:
    ours, theirs = pty.openpty() if in_terminal else os.pipe()
    script = SCRIPT.format(tests=str(Path(__file__).parents[2]))
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **settings}
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**environment, "TERM": "xterm"},
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        said += part
    assert process.wait(timeout=60) == 0, process.stderr and process.stderr.read().decode()
    assert process.stderr
    process.stderr.close()
    os.close(ours)
    assert b"[/bold]" in said
    assert (b"LiveProgress" if in_terminal else b"LineProgress") in said


def test_who_does_not_read_holds_nobody_up() -> None:
    ours, theirs = os.pipe()
    job = tiny_job(num_samples=3000, max_epochs=1)
    view = LineProgress(Console(file=os.fdopen(theirs, "w")))
    experiment = job.build_experiment()
    experiment.start(lambda fact: fact, view.on_fact)
    simulate(experiment, falling, 1)  # as much as fills the pipe many times over
    assert experiment.state.ended == 3000
    reader = threading.Thread(target=lambda: os.fdopen(ours).read())
    reader.start()
    view.close()
    view._console.file.close()
    reader.join()


def test_after_a_burst_the_last_state_is_shown(tmp_path: Path) -> None:
    """Facts come faster than anything is drawn; what is seen at the end is not the middle."""
    path = tmp_path / "screen"
    job = tiny_job(num_samples=200, max_epochs=1)
    with path.open("w") as file:
        view = LiveProgress(job, Console(file=file, force_terminal=True, width=100), began=0.0)
        experiment = job.build_experiment()
        experiment.start(lambda fact: fact, view.on_fact)
        simulate(experiment, falling, 1)
        drawn = threading.Event()
        paint = view.paint

        def painted() -> None:
            paint()
            drawn.set()

        view.paint = painted  # type: ignore[method-assign]
        assert drawn.wait(30), "without any further fact"
        file.flush()
        assert "trials 200/200" in path.read_text()
        view.close()
