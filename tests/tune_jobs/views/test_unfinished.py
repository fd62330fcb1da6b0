"""A run that nobody drives has no running trial, in any view."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from runs import falling, run_in_folder, tiny_job

from tune_jobs import Run
from tune_jobs.cli.screens import read_run
from tune_jobs.experiment.facts import Closed
from tune_jobs.runs.folder import RunFolder, find_storage
from tune_jobs.runs.journal import Journal, read_past
from tune_jobs.runs.lock import locked
from tune_jobs.views.pages.dashboard import LiveRun
from tune_jobs.views.pages.record import Record
from tune_jobs.views.pages.report import write_report
from tune_jobs.views.texts import run_status


@pytest.fixture(params=["killed", "interrupted"])
def unfinished(tmp_path: Path, request: pytest.FixtureRequest) -> RunFolder:
    folder = run_in_folder(tmp_path / "storage" / "one", tiny_job(), falling, workers=3)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    if request.param == "interrupted":
        journal = Journal(folder.journal, read_past(folder.journal))
        journal.append(Closed(status="interrupted"))
        journal.close()
    return folder


def test_its_trials_are_interrupted(unfinished: RunFolder, tune_jobs: Any) -> None:
    run = Run.open(unfinished.path)
    assert run.status in ("died", "interrupted")
    said = run.trials().status
    left = set(run.trials().trial_id[said == "interrupted"])
    assert left
    assert "running" not in set(said)
    lines = tune_jobs("status", "one")[1].splitlines()
    assert sum(" interrupted " in line for line in lines) == len(left)
    assert not [line for line in lines if " running " in line]
    found = json.loads(tune_jobs("status", "one", "--json")[1])
    assert found["status"] == run.status
    assert {row["trial_id"] for row in found["rows"] if row["status"] == "interrupted"} == left


def test_the_pages_say_so_too(unfinished: RunFolder) -> None:
    page = write_report(unfinished).read_text()
    assert "interrupted" in page
    assert '"running"' not in page
    legend = {trace.name for trace in Run.open(unfinished.path).plot.learning_curves().data}
    assert "interrupted" in legend
    assert "running" not in legend


def test_they_run_while_somebody_drives_it(tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "one", tiny_job(), falling, workers=3)
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    live = LiveRun(folder, 1)
    with locked(folder):
        assert "running" in set(Run.open(folder.path).trials().status)
        driven = {trial.number for trial in live.trials() if trial.state is TrialState.RUNNING}
        assert driven
    live._looked = -math.inf  # there is nothing new in the journal
    waiting = [trial for trial in live.trials() if trial.state is TrialState.WAITING]
    assert {trial.number for trial in waiting} == driven
    assert "interrupted" in {trial.user_attrs["status"] for trial in waiting}


READERS: dict[str, Callable[[RunFolder], str]] = {
    "status": lambda folder: run_status(read_run(folder)[1]),
    "Run": lambda folder: run_status(Run(folder, find_storage(None)).state),
    "report": lambda folder: run_status(Record.read(folder).state),
    "dashboard": lambda folder: run_status(looked_at(folder).state),
}


def looked_at(folder: RunFolder) -> Record:
    live = LiveRun(folder, 1)
    live.trials()
    return live.record


@pytest.mark.parametrize("reader", READERS)
def test_a_run_that_ends_while_it_is_read_did_not_die(tmp_path: Path, reader: str) -> None:
    folder = run_in_folder(tmp_path / "one", tiny_job(), falling)
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:-9]))
    driver = ExitStack()
    driver.enter_context(locked(folder))

    class Ending(RunFolder):
        @property
        def lock(self) -> Path:
            """Its driver ends just before somebody looks whether there is one."""
            folder.journal.write_bytes(whole)
            driver.close()
            return folder.lock

    with driver:
        assert READERS[reader](Ending(folder.path)) == "finished"


def test_nor_did_one_that_has_ended_since(tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "one", tiny_job(), falling)
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:-9]))
    with locked(folder):
        run = Run.open(folder.path)
        assert run.status == "running"
        assert run.state.closed is None
        folder.journal.write_bytes(whole)
    assert run.status == "finished"
