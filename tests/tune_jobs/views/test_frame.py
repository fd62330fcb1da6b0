"""The live view: it fits the terminal, shows what matters, and costs the same in a large run."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from runs import falling, reported, simulated, state_of, tiny_job
from terminal import Terminal

from tune_jobs.experiment.cost import Resources, Usage
from tune_jobs.experiment.facts import VERSION, Closed, Fact, Opened, RunResumed, Suggested, Warned
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status
from tune_jobs.views.frame import frame
from tune_jobs.views.painted import FINAL_TEST, FIRST_EPOCH, WRITING
from tune_jobs.views.progress import LineProgress, LiveProgress

SIZES = [(80, 24), (120, 40), (200, 50)]
FOUR_CPUS = Resources(cpus=4, gpus=0, trial_cpus=2, trial_gpus=0)


@cache
def facts_of(scheduler: str, trials: int, workers: int) -> list[Fact]:
    return simulated(scheduler=scheduler, curve=falling, workers=workers, num_samples=trials).facts


def state_after(share: float, scheduler: str, trials: int = 40, workers: int = 4) -> RunState:
    facts = facts_of(scheduler, trials, workers)
    return state_of(tiny_job(num_samples=trials), facts[: round(share * len(facts))])


def drawn(state: RunState, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, legacy_windows=False)
    with console.capture() as found:
        console.print(frame(state, width, height))
    return found.get().splitlines()


@settings(max_examples=60)
@given(
    share=st.floats(0.01, 1),
    scheduler=st.sampled_from(["asha", "hyperband", "pbt", "fifo"]),
    workers=st.sampled_from([1, 4, 30]),
    width=st.integers(20, 250),
    height=st.integers(6, 60),
)
def test_it_always_fits(
    share: float, scheduler: str, workers: int, width: int, height: int
) -> None:
    lines = drawn(state_after(share, scheduler, workers=workers), width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_terminal_is_filled_with_what_matters(width: int, height: int) -> None:
    state = state_after(0.9, "asha", trials=100)
    lines = drawn(state, width, height)
    assert len(lines) == height
    said = "\n".join(lines)
    assert f"trials {state.ended}/100" in said
    assert "best loss" in said
    for trial in state.with_status(Status.RUNNING):
        assert f"\n{trial.trial_id} " in said
        assert f"{trial.epoch}/9" in said
    newest = state.census.last_ended[0]
    row = next(line for line in lines if line.startswith(f"{newest.trial_id} "))
    assert newest.status.value in row
    assert newest.note[:20] in row
    rungs = state.census.rungs(Status.STOPPED, Status.PAUSED)
    assert [rung.epoch for rung in rungs] == [1, 3]
    if height > 30:
        first = next(line for line in lines if line.split()[:2] == ["1", str(rungs[0].reached)])
        assert first.split()[2:] == [str(rungs[0].stopped), "0", str(rungs[0].went_on)]
    else:
        assert f"epoch 1: {rungs[0].reached} came, {rungs[0].stopped} stopped" in said


def test_what_is_in_use_and_what_it_cost_are_told() -> None:
    facts = [
        Opened(version=VERSION, resources=FOUR_CPUS),
        Suggested(trial_id=0, config={"x": 0.5}),
        reported(0, 1, {"loss": 1.0}, usage=Usage(cpu_seconds=61, memory_bytes=500_000_000)),
    ]
    said = "\n".join(drawn(state_of(tiny_job(), facts), 100, 20))
    assert "1 trial at work on 2 of 4 CPUs\n1:01 of CPU, up to 500.0 MB a trial\n" in said


def test_more_running_trials_than_lines_are_counted() -> None:
    state = state_after(0.5, "fifo", workers=30)
    lines = drawn(state, 80, 20)
    shown = sum(
        line.split()[1:2] == [f"{t.epoch}/9"]
        for t in state.with_status(Status.RUNNING)
        for line in lines
        if line.startswith(f"{t.trial_id} ")
    )
    assert 1 < shown < 30
    assert f"and {30 - shown} more" in [line.strip() for line in lines]


class Unlooked(dict[Any, Any]):
    """Entries may be looked up, but not gone through."""

    def _refuse(self, *given: Any) -> Any:
        raise AssertionError("all trials were gone through")

    __iter__ = keys = values = items = _refuse


def test_it_costs_the_same_however_many_trials_there_are() -> None:
    state = state_after(0.95, "asha", trials=2000)
    state.trials = Unlooked(state.trials)
    for status in (Status.STOPPED, Status.COMPLETED):
        state.census._by_status[status] = Unlooked(state.census._by_status[status])
    for width, height in SIZES:
        assert len(drawn(state, width, height)) == height
    assert len(state.census.last_ended) == 200


# -- what is waited for


def view_in(screen: io.StringIO, **job: Any) -> LiveProgress:
    console = Console(file=screen, force_terminal=True, width=80, height=24, color_system=None)
    return LiveProgress(tiny_job(**job), console, began=time.time())


def test_until_the_first_epoch_it_says_what_is_going_on() -> None:
    view, state = view_in(io.StringIO()), state_of(tiny_job(num_samples=1), [])
    said = []

    def happens(fact: Fact) -> None:
        state.apply(fact)
        view.on_fact(fact, state)
        said.append(view.left)

    view.doing("starting Ray")
    said.append(view.left)
    happens(Opened(version=VERSION))
    happens(Suggested(trial_id=0, config={"x": 0.5}))
    happens(reported(0, 1, {"loss": 1.0}))
    happens(RunResumed(num_samples=1, max_epochs=9))
    happens(Warned(text="careful"))
    for epoch in range(2, 9):
        happens(reported(0, epoch, {"loss": 1.0}))
    from tune_jobs.search_algos.decisions import Stop

    happens(reported(0, 9, {"loss": 1.0}, decision=Stop("trained 9 epochs")))
    happens(Closed(status="interrupted"))
    view.close()
    assert said[:6] == ["starting Ray", FIRST_EPOCH, FIRST_EPOCH, "", FIRST_EPOCH, FIRST_EPOCH]
    assert said[6:] == [*[""] * 7, FINAL_TEST, WRITING]
    assert view.left == ""


def test_elsewhere_each_step_is_a_line() -> None:
    screen = io.StringIO()
    view = LineProgress(Console(file=screen, width=80))
    view.doing("starting Ray")
    view.close()
    assert screen.getvalue() == "   0:00  starting Ray\n"


def test_nothing_is_left_of_it_but_the_news() -> None:
    screen = io.StringIO()
    view = view_in(screen)
    view.doing("starting Ray")
    state = state_after(0.5, "asha")
    view.on_fact(Warned(text="careful"), state)
    view.close()
    assert "trials" in screen.getvalue()
    terminal = Terminal().feed(screen.getvalue())
    assert terminal.shown == "warning: careful"
    assert terminal.cursor_is_shown


SCRIPT = """
import os, time
from tune_jobs.runs.interrupt import before_exit, end_at_once_when_told
from tune_jobs.views.progress import LiveProgress, waiting
from tune_jobs.views.screen import RunScreen
from runs import tiny_job

def live():
    view = LiveProgress(tiny_job(), RunScreen(), 0.0)
    view.paint()
    return before_exit(view.close)

end_at_once_when_told()
with {view}:
    os.write(2, b"ready")
    time.sleep(1000)
"""
SPINNER = "waiting(RunScreen(), 'importing the model')"
LIVE = "live()"


@pytest.mark.parametrize("view", [SPINNER, LIVE])
def test_ctrl_c_leaves_a_clean_terminal(view: str) -> None:
    ours, theirs = pty.openpty()
    tests = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(view=view)],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": tests},
    )
    os.close(theirs)
    assert process.stderr
    assert process.stderr.read(5) == b"ready"
    process.send_signal(signal.SIGINT)
    said = b""
    with suppress(OSError):  # its end is closed
        while part := os.read(ours, 65536):
            said += part
    os.close(ours)
    assert (process.stderr.read(), process.wait(timeout=60)) == (b"", 128 + signal.SIGINT)
    process.stderr.close()
    terminal = Terminal().feed(said.decode())
    assert said
    assert terminal.shown == ""
    assert terminal.cursor_is_shown
