"""All that we use of Ray although Ray does not promise it: private names, settings, error texts.

A new Ray may change any of it; `tests/tune_jobs/on_ray/test_internals.py` shows what changed. Ray
Tune takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import yaml
from ray._common.utils import get_ray_address_file, get_system_memory
from ray._private import worker as ray_worker
from ray._private.accelerators import get_accelerator_manager_for_resource
from ray._private.state import state as cluster_state
from ray._private.utils import get_num_cpus
from ray.exceptions import OutOfMemoryError, RayActorError
from ray.job_config import JobConfig
from ray.thirdparty_files import psutil as psutil

from tune_jobs.on_ray.meanwhile import environment, replaced

if TYPE_CHECKING:
    from ray.tune import Callback
    from ray.tune.execution.tune_controller import TuneController
    from ray.tune.experiment import Trial as RayTrial

TUNE_SETTINGS = {
    # Snapshots, loggers and tables repeat what the journal and the views do, at a cost that
    # grows with the run.
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of trials that were at work when the run ended
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C and SIGTERM come to us
    "TUNE_MAX_PENDING_TRIALS_PG": "100000",  # trials are only made for free slots: start them all
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a model's relative paths mean what they mean elsewhere
}
"""Ray Tune reads these environment variables when a run starts."""


PRIVATE_CLUSTER = {
    # Ray would start workers early that nobody can use, because Ray Tune's have an environment of
    # their own. Starting both kinds at once takes seconds on a few cores.
    "prestart_worker_first_driver": False,
    # With Ray's 15, every other process goes first: beside two of them, the first epoch takes a
    # minute. If you want that, start tune-jobs under `nice`.
    "worker_niceness": 0,
}
"""Settings of a cluster that we start, for its own processes."""

LONGEST_TEMP_DIR = 103 - len("/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")
"""Bytes: a socket's path has at most 103 on macOS, and four more on Linux."""


def start_cluster(
    folder: Path,
    variables: Mapping[str, str],
    runtime_env: Mapping[str, Any] | None = None,
    import_path: Sequence[str] = (),
    **arguments: Any,
) -> None:
    """Starts Ray on this machine, with its files in the folder, and connects to it. Its processes
    and their children get the environment variables, and its workers the runtime environment and
    the folders to import from."""
    with environment(variables), _sigterm_left_alone(), _deaf_to_hangups():
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,  # beside a live view, what trials print could not be read
            logging_level=logging.ERROR,
            _system_config=PRIVATE_CLUSTER,
            _temp_dir=str(folder),
            runtime_env={**_interpreter(sys.executable), **(runtime_env or {})},
            job_config=_Importing(_py_driver_sys_path=[*import_path]),
            **arguments,
        )


class _Importing(JobConfig):
    """Workers import from these folders as the driver does, before the ones that Ray adds."""

    def _serialize(self) -> Any:
        self._py_driver_sys_path.reverse()  # a worker puts each before those that it has
        return super()._serialize()


def _interpreter(path: str) -> dict[str, str]:
    """Ray puts the path of Python into a shell command as it is, so one with a space starts no
    worker."""
    quoted = shlex.quote(path)
    return {} if quoted == path else {"py_executable": quoted}


def this_machine() -> dict[str, float]:
    """What `start_cluster` will find here, by Ray's names; of the memory, Ray keeps a part."""
    kind = get_accelerator_manager_for_resource("GPU")
    gpus = kind.get_current_node_num_accelerators() if kind else 0
    visible = kind.get_current_process_visible_accelerator_ids() if kind and gpus else None
    found = {"CPU": get_num_cpus(), "GPU": gpus if visible is None else min(gpus, len(visible))}
    found["memory"] = get_system_memory()
    if name := kind.get_current_node_accelerator_type() if kind and gpus else None:
        found[f"accelerator_type:{name}"] = 1
    return found


def join_cluster(runtime_env: Mapping[str, Any]) -> None:
    """Connects to the cluster that Ray finds, whose workers get this environment. Raises
    ConnectionError."""
    wanted = dict(runtime_env) or None
    with _sigterm_left_alone():
        ray.init(runtime_env=wanted, log_to_driver=False, logging_level=logging.ERROR)


def submitted_env() -> dict[str, Any]:
    """The runtime environment with which `ray job submit` started this process, if it did."""
    found = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    return dict(found.get("runtime_env") or {})


def travelled() -> list[str]:
    """The folders of the import path of a worker to which ``py_modules`` came."""
    return [path for path in sys.path if "py_modules_files" in Path(path).parts]


@contextmanager
def _sigterm_left_alone() -> Iterator[None]:
    """When `ray.init` returns, it has taken SIGTERM for itself."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _deaf_to_hangups() -> Iterator[None]:
    """Inside, processes are started that survive a closed terminal, as they survive Ctrl-C, until
    the driver ends them. The driver gets the signal in another thread or later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def temporary_folder() -> Path:
    """The temporary folder that Ray uses: $RAY_TMPDIR, $TMPDIR or /tmp."""
    return address_file().parent.parent


def address_file() -> Path:
    """Where `ray start` leaves the address of this machine's cluster."""
    return Path(get_ray_address_file(None))


def autoscaling_config() -> dict[str, Any] | None:
    """The configuration of the cluster's autoscaler, if it has one and this is the head."""
    node: Any = ray_worker.global_worker.node
    option = "--autoscaling-config="
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            words = process.cmdline()
            file = [word for word in words if word.startswith(option)]
            if file and f"--logs-dir={node.get_logs_dir_path()}" in words:
                path = Path(file[0].removeprefix(option)).expanduser()
                return dict(yaml.safe_load(path.read_text()))
    return None


def draining_nodes() -> set[str]:
    """The nodes that will leave soon, by a notice from the cloud or by `ray drain-node`.

    It takes less than a millisecond.
    """
    return set(cluster_state.get_draining_nodes())


@contextmanager
def quiet() -> Iterator[None]:
    """Ray Tune with our settings, and Ray silent, because the views show what matters. Ray would
    print each complaint of a raylet, such as a worker that died."""
    logger = logging.getLogger("ray.tune")
    level, printed = logger.level, ray_worker.print_to_stdstream
    logger.setLevel(logging.CRITICAL)
    ray_worker.print_to_stdstream = lambda *args, **kwargs: None
    try:
        with environment(TUNE_SETTINGS):
            yield
    finally:
        logger.setLevel(level)
        ray_worker.print_to_stdstream = printed


def no_progress() -> Callback:
    """Replaces Ray Tune's own progress report, which prints a line for a trial that ends without a
    result, whatever ``verbose`` is, and tables in a notebook."""
    from ray.tune.progress_reporter import TrialProgressCallback

    class NoProgress(TrialProgressCallback):
        def log_result(self, *args: Any, **kwargs: Any) -> None:
            pass

        def on_trial_complete(self, *args: Any, **kwargs: Any) -> None:
            pass

    return NoProgress()


def pause(tune_controller: TuneController, trial: RayTrial) -> None:
    """Pauses the trial and frees its actor for another; saves nothing."""
    tune_controller.pause_trial(trial, should_checkpoint=False)


def error_of(trial: RayTrial) -> Exception | None:
    """The error of a trial that died; None if it could not be started."""
    if trial.pickled_error_file is None:
        return None
    with open(trial.pickled_error_file, "rb") as file:
        error: Exception = pickle.load(file)  # written by Ray in this very process
    return error


@contextmanager
def deaths_survived() -> Iterator[None]:
    """Inside, a worker that died is a trial that failed, once, whenever and however it died.

    Ray Tune itself ends the run on an OutOfMemoryError. It tells twice of a worker that dies while
    the next trial takes it over, and the second time is no failure of which the trial recovers.
    """
    from ray.air.execution._internal.actor_manager import RayActorManager
    from ray.tune.execution.tune_controller import TuneController

    task_failed = RayActorManager._actor_task_failed
    trial_failed = TuneController._trial_task_failure

    def failed(self: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            told = "\n".join(str(exception).strip().splitlines()[:2])
            exception = RayActorError(error_msg=f"{OUT_OF_MEMORY}: {told}")
        task_failed(self, tracked_actor_task, exception)

    def failed_once(self: Any, trial: RayTrial, exception: Any) -> None:
        if not hasattr(exception, "is_told"):
            exception.is_told = True
            self._resetting_trials.discard(trial)
            trial_failed(self, trial, exception)

    with (
        replaced(RayActorManager, "_actor_task_failed", failed),
        replaced(TuneController, "_trial_task_failure", failed_once),
    ):
        yield


OUT_OF_MEMORY = "the worker was killed because its machine ran out of memory"


def start_from(trial: RayTrial, saved: Any) -> None:
    """Makes a waiting trial start from this checkpoint (another trial's
    ``latest_checkpoint_result``) instead of its own, in the same way as Ray's
    PopulationBasedTraining."""
    from ray.train._internal.session import _TrainingResult

    manager: Any = trial.run_metadata.checkpoint_manager
    manager._latest_checkpoint_result = _TrainingResult(
        checkpoint=copy.copy(saved.checkpoint), metrics=saved.metrics
    )


def set_session(session: object | None) -> None:
    """What `ray.tune.report`, `get_checkpoint` and `get_context` use in this process."""
    from ray.train._internal import session as ray_session

    ray_session._session = session  # type: ignore[assignment]  # ours has the same names


def time_attr_of(scheduler: Any) -> str | None:
    """The attribute that a scheduler of Ray Tune counts as time; None if it has none."""
    found: str | None = getattr(scheduler, "_time_attr", None)
    return found
