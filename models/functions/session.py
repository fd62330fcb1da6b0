"""The two sides of a training function: it reports, and its model asks for one report at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any

from tune_jobs.models.base import Metrics, TrainingError
from tune_jobs.models.functions.state import State

_GRACE = 10.0  # seconds for a function's own clean-up, as a program has

_session: ContextVar[Session | None] = ContextVar("session", default=None)


def report(metrics: Metrics, *, state: Any = None, step: int | None = None) -> None:
    """Ends an epoch of the training function: its metrics, and the state to restore it from.

    Returns when the next epoch is wanted. If none is wanted any more (the scheduler stopped the
    trial, or it moves to another worker), the function ends here: its ``finally`` blocks and
    ``with`` statements run as for any exception. Outside of a run, a report does nothing, so the
    function can be called by hand.

    Args:
        metrics: name -> number.
        state: tensors, numpy arrays, numbers, text, and lists and dicts of them; or the path of a
            file or folder, which is copied. Without one, a trial that is restored goes on from the
            newest state; if there is none, it trains again from the start, and the epochs that were
            reported before are passed over.
        step: one more metric, for a job with ``time_attr="step"``: how far the training is.

    Raises TrainingError for metrics that are not a dict.
    """
    session = _session.get()
    if session:
        session.report(metrics, state, step)


def restored() -> Any:
    """The newest state that was reported for this trial, or None for a fresh start. For a file or
    folder, its path.

    The random numbers of Python, numpy and torch then continue as if the training had never
    stopped, so call it when the model, the optimizer and the data are built.
    """
    session = _session.get()
    return session.restored() if session else None


@dataclass(frozen=True)
class Reported:
    """One report of a function."""

    metrics: Metrics
    state: Any = None


class Session:
    """One execution of a training function, in a thread of its own.

    Only one side runs at a time: the function trains while `next_report` waits, and waits in
    `report` after that.

    Args:
        function: all that is done; what it returns or yields is reported too.
        metric: the name of a number that it returns or yields.
        state: to begin with.
    """

    def __init__(self, function: Callable[[], Any], metric: str, state: State) -> None:
        self._function = function
        self._metric = metric
        self._state = state
        self._has_asked = False  # for the state
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._answers: SimpleQueue[Reported | BaseException | None] = SimpleQueue()
        self._is_over = False
        # A copy of the context: only this function, and what it calls, sees its session.
        self._thread = Thread(target=copy_context().run, args=[self._run], daemon=True)

    def next_report(self) -> Reported | None:
        """The next report; None if the function has returned. Raises what the function raised."""
        if self._is_over:
            return None
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._wanted.put(True)
        answer = self._answers.get()
        self._is_over = not isinstance(answer, Reported)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def end(self) -> None:
        """Ends the function in its `report`. Raises TrainingError if it goes on regardless."""
        if self._is_over or self._thread.ident is None:
            return
        self._is_over = True
        self._wanted.put(False)
        self._thread.join(_GRACE)
        if self._thread.is_alive():
            raise TrainingError(
                "the training function goes on although it was ended in report(); where it catches "
                "BaseException, or everything, it has to catch Exception"
            )

    def report(self, metrics: Metrics, state: Any, step: int | None = None) -> None:
        """In the function's thread."""
        if self._is_over:
            raise _End
        if not isinstance(metrics, Mapping) or not all(isinstance(name, str) for name in metrics):
            raise TrainingError(
                f"report() got {metrics!r:.100}; give a dict of numbers, such as {{'loss': 0.3}}"
            )
        counted = {} if step is None else {"step": step}
        self._answers.put(Reported({**metrics, **counted}, state))
        if not self._wanted.get():
            raise _End

    def restored(self) -> Any:
        """In the function's thread."""
        if not self._has_asked:
            self._state.continue_random_numbers()
            self._has_asked = True
        return self._state.value

    def _run(self) -> None:
        _session.set(self)
        try:
            self._report_results(self._function())
        except _End:
            return
        except BaseException as error:  # its model raises it, in its own thread
            self._answers.put(error)
        else:
            self._answers.put(None)

    def _report_results(self, result: Any) -> None:
        """What a function returned: nothing, a number, metrics, or a generator of such."""
        if hasattr(result, "__next__"):
            for yielded in result:
                self._report_result(yielded)
        elif result is not None:
            self._report_result(result)

    def _report_result(self, result: Any) -> None:
        if not isinstance(result, Mapping):
            try:
                result = {self._metric: float(getattr(result, "item", lambda: result)())}
            except (TypeError, ValueError):
                raise TrainingError(
                    f"the training function returned {result!r:.100}; it may return a number "
                    f"({self._metric}), a dict of metrics, or nothing"
                ) from None
        self.report(result, None)


class _End(BaseException):
    """Ends a function in its `report`. Not an Exception, so that it is not caught by mistake."""
