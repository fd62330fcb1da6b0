"""Errors in somebody's own searcher, scheduler or stop, as its author needs to see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tune_jobs.errors import UserError, user_traceback
from tune_jobs.search_algos.base import Scheduler, Searcher
from tune_jobs.search_algos.decisions import Continue, Decision, Exploit, Pause, Stop
from tune_jobs.search_algos.domains import SpaceError


@contextmanager
def blaming(owner: Searcher | Scheduler | str) -> Iterator[None]:
    """What it raises inside ends the run with one message, which has the author's own lines."""
    try:
        yield
    except UserError:
        raise
    except SpaceError as error:
        raise UserError(f"{_name(owner)}: {error}") from error
    except (Exception, SystemExit) as error:
        raise UserError(f"{_name(owner)} failed:\n{user_traceback(error)}") from error


def checked(owner: Scheduler, decision: object) -> Decision:
    """A scheduler's answer. Raises UserError for what is no decision."""
    if isinstance(decision, Continue | Stop | Pause | Exploit):
        return decision
    raise UserError(
        f"{_name(owner)} answered {decision!r} to a report; it must answer Continue(), "
        "Stop(reason), Pause() or Exploit(source, config)"
    )


def _name(owner: Searcher | Scheduler | str) -> str:
    if isinstance(owner, str):
        return owner
    kind = "searcher" if isinstance(owner, Searcher) else "scheduler"
    return f"{kind} {type(owner).__name__}"
