"""What we use of Ray without a promise: one test for each, which tells what a new Ray changed."""

from __future__ import annotations

import ast
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray._private import worker as ray_worker
from ray._private.utils import write_ray_address
from ray.exceptions import RayActorError, RayTaskError
from ray.tune import schedulers
from ray.tune.constants import TUNE_ENV_VARS
from tune_lab import Lab, run_lab

from tune_jobs.on_ray import internals
from tune_jobs.on_ray.ends import end_of

TESTS = Path(__file__).parents[2]
ON_RAY = TESTS.parent / "tune_jobs" / "on_ray"


@pytest.fixture(scope="module")
def lab(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return run_lab(tmp_path_factory.mktemp("lab"))


def test_trials_start_although_one_waits_for_its_resources(lab: Lab) -> None:
    """TUNE_MAX_PENDING_TRIALS_PG"""
    assert lab.results.keys() == {"source", "copy"}


def test_nothing_is_printed(lab: Lab) -> None:
    """`no_progress`, RAY_AIR_NEW_OUTPUT, TUNE_PRINT_ALL_TRIAL_ERRORS: ``waits`` ends without a
    result, for which Ray Tune's own callback has a line. `quiet`: ``dies`` is a worker that a
    raylet complains of."""
    assert lab.said == ""


def test_trials_write_no_logs(lab: Lab) -> None:
    """TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"""
    assert not [name for name in lab.files if name.startswith(("progress", "result", "events"))]


def test_ctrl_c_stays_ours(lab: Lab) -> None:
    """TUNE_DISABLE_SIGINT_HANDLER"""
    assert lab.handlers == {signal.getsignal(signal.SIGINT)}


def test_workers_stay_in_the_folder_of_the_driver(lab: Lab) -> None:
    """RAY_CHDIR_TO_TRIAL_DIR"""
    assert {result["folder"] for result in lab.results["source"]} == {os.getcwd()}


def test_ray_tune_reads_the_environment_variables_that_we_set() -> None:
    ours = {name for name in internals.TUNE_SETTINGS if name.startswith("TUNE_")}
    assert ours <= TUNE_ENV_VARS


def test_an_error_that_nobody_fetches_is_logged_unless_told_otherwise(
    ray_session: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RAY_IGNORE_UNHANDLED_ERRORS. Ray waits for seconds, and then does this."""
    worker = ray_worker.global_worker
    monkeypatch.setattr(logging.getLogger("ray"), "propagate", True)
    monkeypatch.setattr(worker, "deserialize_objects", lambda *_: [ArithmeticError("unheard")])
    with internals.quiet():
        worker.raise_errors([], [])
    assert "unheard" not in caplog.text
    worker.raise_errors([], [])
    assert "unheard" in caplog.text


def test_a_paused_trial_is_not_saved_and_goes_on_in_the_same_process(lab: Lab) -> None:
    """`pause`, and `start_from`: ``copy`` had a total of 1, ``source`` one of 102."""
    first, second = lab.results["copy"]
    assert (first["total"], second["total"]) == (1, 103)


def test_the_error_of_a_step_comes_with_its_cause(lab: Lab) -> None:
    """`error_of`"""
    error = lab.errors["raises"]
    assert isinstance(error, RayTaskError)
    assert isinstance(error.cause, ArithmeticError)


@pytest.mark.parametrize(
    ("kind", "end"), [("dies", "process"), ("no start", "start"), ("greedy", "memory")]
)
def test_it_is_known_what_ended_an_actor(lab: Lab, kind: str, end: str) -> None:
    """`end_of`, and `deaths_survived` for ``greedy``; see below for nodes."""
    error = lab.errors[kind]
    assert isinstance(error, RayActorError)
    assert end_of(error) == end


def test_a_worker_that_never_ran_is_told_from_one_that_died_in_its_constructor(
    ray_session: None,
) -> None:
    """`end_of`; Ray says of both that they were cancelled before they started."""

    @ray.remote
    class Starts:
        def __init__(self) -> None:
            os._exit(1)

        def works(self) -> None: ...

    nowhere = Starts.options(resources={"nowhere": 1}).remote()
    waiting = nowhere.works.remote()
    ray.kill(nowhere)
    ends = []
    for call in (waiting, Starts.remote().works.remote()):
        with pytest.raises(RayActorError) as died:
            ray.get(call, timeout=300)
        ends.append(end_of(died.value))
    assert ends == ["unstarted", "process"]


def test_what_nodes_have_and_when_they_drain_and_die_is_known() -> None:
    """`this_machine`, `draining_nodes` and `end_of`, on clusters of their own; the script
    asserts."""
    with tempfile.TemporaryDirectory(prefix="tj") as temporary:
        done = subprocess.run(
            [sys.executable, str(TESTS / "cluster_troubles.py"), "internals", temporary],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr


def test_the_address_is_where_ray_start_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`address_file`"""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    write_ray_address("127.0.0.1:6379")
    assert internals.address_file().read_text().strip() == "127.0.0.1:6379"


def test_schedulers_say_what_they_count_as_time() -> None:
    """`time_attr_of`"""
    for cls in (schedulers.ASHAScheduler, schedulers.MedianStoppingRule):
        assert internals.time_attr_of(cls(time_attr="steps")) == "steps"
    assert internals.time_attr_of(schedulers.FIFOScheduler()) is None


def private_uses(file: Path) -> Iterator[str]:
    """Imports of private modules, underscore attributes and arguments of others' objects, and
    environment variables for Ray, but for the one it documents for everybody."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names) | ast.ImportFrom(names=names):
                modules = [getattr(node, "module", None) or "", *(alias.name for alias in names)]
                yield from (name for name in modules if re.search(r"(^|\.)_[a-z]", name))
            case ast.Attribute(ast.Name("self" | "cls"), _):
                pass
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                if name.startswith("_") and not name.startswith("__"):
                    yield name
            case ast.Constant(str(text)) if text != "RAY_ADDRESS":
                if re.fullmatch(r"(RAY|TUNE(?!_JOBS))_[A-Z_]+", text):
                    yield text


def test_what_is_private_is_used_in_one_file() -> None:
    found = {file.name: list(private_uses(file)) for file in ON_RAY.rglob("*.py")}
    assert len(found.pop("internals.py")) > 10
    assert not {name: uses for name, uses in found.items() if uses}


def test_what_a_function_says_to_ray_tune_comes_to_our_session() -> None:
    from ray import tune

    heard: list[object] = []

    class Session:
        world_rank = None
        trial_id = trial_name = "7"
        loaded_checkpoint = None

        def report(self, metrics: object, checkpoint: object = None) -> None:
            heard.append((metrics, checkpoint))

    internals.set_session(Session())
    try:
        tune.report({"loss": 1.0})
        assert heard == [({"loss": 1.0}, None)]
        assert tune.get_checkpoint() is None
        assert tune.get_context().get_trial_id() == "7"
    finally:
        internals.set_session(None)
    with pytest.warns(UserWarning, match="inside a function"):
        tune.report({"loss": 1.0})
