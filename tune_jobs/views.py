"""What a view is: something that is shown the facts of a run and makes something of them."""

from __future__ import annotations

from typing import Protocol

from tune_jobs.facts import Fact
from tune_jobs.run_state import RunState


class View(Protocol):
    """Shown every fact once it took effect, with the state that holds it; closed at the end."""

    def __call__(self, fact: Fact, state: RunState) -> None: ...

    def close(self) -> None: ...
