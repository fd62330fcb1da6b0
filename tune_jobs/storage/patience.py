"""Retries what failed in a storage, for as long as the run has patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    wait_exponential,
)

from tune_jobs.errors import UserError

T = TypeVar("T")


class StorageError(UserError):
    """The storage failed for longer than the run's patience, or another driver has it now."""


def patiently(
    action: Callable[[], T],
    seconds: float,
    told: Callable[[str], None] = lambda text: None,
    what: str = "the storage failed",
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Returns what ``action`` returns; if it fails, retries it for ``seconds``.

    ``told`` is called when retrying starts and when it succeeds. FileNotFoundError is an answer
    and is raised at once. Raises StorageError, with ``what`` and the last error, when time is up.
    """
    failed_at: list[float] = []

    def is_over(_: RetryCallState) -> bool:
        failed_at.append(clock())
        return failed_at[-1] - failed_at[0] >= seconds

    def tell(attempt: RetryCallState) -> None:
        if attempt.attempt_number == 1 and attempt.outcome:
            told(f"{what}: {attempt.outcome.exception()}; tried again for {seconds:.0f} s")

    retrying = Retrying(
        retry=retry_if_exception_type(OSError) & retry_if_not_exception_type(FileNotFoundError),
        wait=wait_exponential(multiplier=0.1, max=10.0),
        stop=is_over,
        sleep=wait,
        before_sleep=tell,
        reraise=True,
    )
    try:
        result = retrying(action)
    except FileNotFoundError:
        raise
    except OSError as error:
        tries = f"{len(failed_at)} tries in {failed_at[-1] - failed_at[0]:.0f} s"
        raise StorageError(f"{what}, {tries}: {error}") from error
    if failed_at:
        told(f"the storage is back after {clock() - failed_at[0]:.0f} s")
    return result
