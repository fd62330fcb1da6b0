"""A node of the cluster goes while it trains: nothing is lost, and it is told what moved."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from tune_jobs.declaration import Declaration
from tune_jobs.facts import Failed, Moved
from tune_jobs.journal import read
from tune_jobs.run_folder import RunFolder
from tune_jobs.run_state import Status

TESTS = Path(__file__).parents[2]


@pytest.mark.slow  # starts a cluster of three nodes
@pytest.mark.parametrize(("how", "why"), [("remove", "node is gone"), ("drain", "being drained")])
def test_a_run_survives_its_node(how: str, why: str) -> None:
    with tempfile.TemporaryDirectory(prefix="tj") as temporary:  # Ray's sockets want short paths
        folder = RunFolder(Path(temporary, "run"))
        path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
        done = subprocess.run(
            [sys.executable, str(TESTS / "losing_a_node.py"), how, temporary],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, done.stderr
        facts = list(read(folder.journal))
        declared: Declaration = folder.read_declaration()
        state = declared.state(facts)
        log = Path(temporary, "log").read_text().splitlines()
        status = subprocess.run(
            [sys.executable, "-m", "tune_jobs", "status", str(folder.path)],
            capture_output=True,
            text=True,
        ).stdout
    assert {(t.status, t.epoch) for t in state.trials.values()} == {(Status.COMPLETED, 9)}
    moved = [fact for fact in facts if isinstance(fact, Moved)]
    assert moved, "the trial that was at work there"
    assert all(why in fact.reason for fact in moved)
    assert not any(isinstance(fact, Failed) for fact in facts)
    assert "moved: " in status
    assert why in status
    trained = Counter(tuple(line.split()[:2]) for line in log)
    again = sum(count - 1 for count in trained.values())
    assert len(trained) == 4 * 9
    assert again <= (0 if how == "drain" else 1), "but for the epoch in flight"
