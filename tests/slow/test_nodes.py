"""A cluster in trouble: nothing is lost, and it is told what moved."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from tune_jobs.cli.screens import print_run
from tune_jobs.experiment.facts import Failed, Moved
from tune_jobs.experiment.trial import Status
from tune_jobs.on_ray.scratch import MARK, remove
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def runs_that_lost_a_node() -> Iterator[Path]:
    with troubles("nodes") as folder:
        yield folder


@pytest.mark.parametrize(("how", "why"), [("remove", "node is gone"), ("drain", "being drained")])
def test_a_run_survives_its_node(runs_that_lost_a_node: Path, how: str, why: str) -> None:
    run = RunFolder(runs_that_lost_a_node / how)
    facts = list(read(run.journal))
    state = run.read_declaration().state(facts)
    log = run.path.with_name(f"{how}.log").read_text().splitlines()
    screen = io.StringIO()
    print_run(Console(file=screen, width=200), run)
    status = screen.getvalue()
    assert {(t.status, t.epoch) for t in state.trials.values()} == {(Status.COMPLETED, 9)}
    moved = [fact for fact in facts if isinstance(fact, Moved)]
    assert moved, "the trial that was at work there"
    assert all(why in fact.reason for fact in moved)
    assert not any(isinstance(fact, Failed) for fact in facts)
    assert "moved 1 time" in status
    assert why in status
    trained = Counter(tuple(line.split()[:2]) for line in log)
    again = sum(count - 1 for count in trained.values())
    assert len(trained) == 4 * 9
    assert again <= (0 if how == "drain" else 1), "but for the epoch in flight"


def test_a_trial_whose_worker_is_killed_for_its_memory_fails_alone() -> None:
    with troubles("memory") as folder:
        run = RunFolder(folder / "run")
        state = run.read_declaration().state(read(run.journal))
    greedy = [trial for trial in state.trials.values() if trial.config["trouble"]]
    assert 0 < len(greedy) < 4
    for trial in state.trials.values():
        assert trial.status is (Status.FAILED if trial in greedy else Status.COMPLETED)
    assert all("ran out of memory" in trial.note for trial in greedy)


def test_gpus_are_counted_per_node_and_a_node_that_comes_is_used() -> None:
    with troubles("gpus"):
        pass  # the script asserts what it sees


def test_a_trial_over_several_nodes_goes_on_when_it_loses_one() -> None:
    with troubles("ranks"):
        pass


def test_an_autoscaler_adds_the_nodes_that_trials_wait_for_and_removes_them_again() -> None:
    with troubles("autoscaler"):
        pass


@contextmanager
def troubles(kind: str) -> Iterator[Path]:
    """Where `cluster_troubles` has its runs."""
    with tempfile.TemporaryDirectory(prefix="tj") as temporary:  # Ray's sockets want short paths
        path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
        # A head and its driver must agree, and `ray.init` in this process has set another mode.
        agreed = {"RAY_AUTH_MODE": "disabled", "PYTHONPATH": path, MARK: temporary}
        try:
            done = subprocess.run(
                [sys.executable, str(TESTS / "cluster_troubles.py"), kind, temporary],
                env={**os.environ, **agreed},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=500,
            )
            assert done.returncode == 0, done.stderr
            yield Path(temporary)
        finally:
            remove(Path(temporary))  # with the processes of its cluster
