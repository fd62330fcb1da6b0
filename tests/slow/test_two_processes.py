"""examples/two_processes: each trial is a training by two processes that share their gradients."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psutil
from drivers import DEADLINE, Start, kill_after, table

from tune_jobs.runs.folder import RunFolder

JOB = Path(__file__).parents[2] / "examples" / "two_processes" / "job.py"


def ranks_of(run: RunFolder) -> list[list[int]]:
    """Their processes, for each time that a trial started; the trials print them."""
    logs = "".join(run.logs.read(name).decode() for name in run.logs.files())
    return [[int(pid) for pid in pids.split()] for pids in re.findall("ranks: (.+)", logs)]


def wait_until_gone(ranks: list[list[int]]) -> None:
    alive = [psutil.Process(pid) for pids in ranks for pid in pids if psutil.pid_exists(pid)]
    assert not psutil.wait_procs(alive, DEADLINE)[1]


def test_a_training_by_two_processes_is_killed_resumed_and_stopped(
    start: Start, tune_jobs: Any, tmp_path: Path
) -> None:
    size = ["--samples", 6, "--max-epochs", 4, "--max-concurrent", 1]
    whole, killed = (RunFolder(tmp_path / "storage" / name) for name in ("whole", "killed"))
    code, said, errors = tune_jobs("run", JOB, "--name", "whole", *size)
    assert code == 0, said + errors
    kill_after(7, killed, start("run", JOB, "--name", "killed", *size))
    wait_until_gone(ranks_of(killed))
    code, said, errors = tune_jobs("resume", "killed")
    assert code == 0, said + errors
    assert table(killed) == table(whole)
    assert {row["status"] for row in table(whole)} == {"completed", "stopped"}
    assert len(ranks_of(whole)) >= 6, "a start of each trial"
    assert all(len(set(pids)) == 2 for pids in ranks_of(whole))
    wait_until_gone(ranks_of(whole) + ranks_of(killed))
