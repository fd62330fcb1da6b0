"""The connection of a run to its Ray cluster."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.exceptions import RuntimeEnvSetupError

from tune_jobs.errors import UserError, user_traceback
from tune_jobs.job.building import Builder
from tune_jobs.job.code import started_here
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.data import MissingDataError
from tune_jobs.on_ray.internals import (
    address_file,
    join_cluster,
    start_cluster,
    this_machine,
)
from tune_jobs.on_ray.resources import TrialResources
from tune_jobs.on_ray.scratch import MARK
from tune_jobs.on_ray.travelling import own_code

Doing = Callable[[str], object]
"""Gets what takes a while, when it begins."""


@contextmanager
def connected(folder: Path, job: TuneJob, doing: Doing) -> Iterator[bool]:
    """A connection to an existing Ray cluster ($RAY_ADDRESS, or one that `ray start` or `ray up`
    made on this machine), or else to one that is started here, in the folder, and ended at the
    end; gives whether it was started here. ``doing`` is told what takes a while.

    Raises UserError if the cluster of $RAY_ADDRESS does not answer, or refuses the driver; if no
    node can hold a trial of the job, before a cluster is started for it; and if Ray does not start.
    """
    if ray.is_initialized():
        yield False
        return
    try:
        if is_there := _is_there():
            doing("joining the Ray cluster")
            _join(job.runtime_env)
        else:
            doing("preparing data")
            _check_this_machine(job)
            doing("starting Ray")
            _start(folder, job.runtime_env)
        yield not is_there
    finally:
        ray.shutdown()


def _check_this_machine(job: TuneJob) -> None:
    """Raises UserError if it cannot hold a trial of the job, or lacks the data."""
    TrialResources.of(job, [this_machine()])
    builder = Builder.of(job)
    try:
        config = builder.config(job.domains.sample(np.random.default_rng(job.seed)))
    except Exception:  # of the Config, as some of these values do not fit together
        return
    try:
        builder.model.prepare_data(config)
    except MissingDataError as error:
        raise UserError(str(error)) from None
    except (Exception, SystemExit) as error:
        raise UserError(f"the data cannot be prepared: {user_traceback(error)}") from error


def _is_there() -> bool:
    """Whether there is a cluster to join.

    Ray waits for minutes for a cluster that is gone, so a cluster that crashed and left its
    address behind is ignored.
    """
    given = os.environ.get("RAY_ADDRESS")
    if not given:
        return _answers(_left_here())
    if given == "local":
        return False
    address = _left_here() if given == "auto" else given
    if "://" not in address and not _answers(address):
        raise UserError(
            f"--address or $RAY_ADDRESS is {given!r}, but nothing answers there; start that "
            "cluster, or give neither of them to run on this machine"
        )
    return True


def _left_here() -> str:
    """The address that `ray start` left on this machine; empty if there is none."""
    with suppress(OSError):
        return address_file().read_text().strip()
    return ""


def _start(folder: Path, runtime_env: Mapping[str, Any]) -> None:
    try:
        # A worker gets that with its trial, but what a trial starts with Ray gets it here.
        import_path = started_here()["import_path"]
        start_cluster(folder, {MARK: str(folder)}, runtime_env, import_path)
    except Exception as error:  # on a machine that is too busy, Ray gives up after 30 seconds
        raise UserError(
            f"Ray cannot be started on this machine: {error} (if it is busy, try again later)"
        ) from error


def _join(runtime_env: Mapping[str, Any]) -> None:
    own = own_code()
    parts = {part: [*runtime_env.get(part, ()), *added] for part, added in own.items()}
    try:
        join_cluster({**runtime_env, **parts})
    except ConnectionError as error:
        raise UserError(
            f"the Ray cluster does not let this driver in: {error}; where it wants a token, set "
            "RAY_AUTH_MODE=token"
        ) from error
    except RuntimeEnvSetupError as error:
        said = str(error.error_message).partition("\n")[0]
        raise UserError(
            f"code of the job cannot travel to the cluster: {said}; name what is not code, such as "
            "data, in a .rayignore file there"
        ) from error
    except (TypeError, ValueError) as error:
        raise UserError(f"Ray refuses the runtime_env of the job: {error}") from error


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
    except (OSError, ValueError):
        return False
    return True
