"""The output of a trial, as it was or as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tune_jobs.errors import UserError
from tune_jobs.experiment.state import RunState
from tune_jobs.job.declaration import Declaration
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.growing import Growing
from tune_jobs.runs.lock import holder_of
from tune_jobs.runs.logs import LIMIT, Reader
from tune_jobs.views import texts

_PAUSE = 0.5  # seconds


def printed(folder: RunFolder, trial: str, follow: bool) -> Iterator[str]:
    """The lines that a trial, or the final ``test``, printed; with ``follow`` until it ends.

    Raises UserError for a trial that does not exist.
    """
    run = Growing(folder, lambda content: Declaration.of(content).state(()))
    name = _file_of(run.look(), folder, trial)
    reader, is_over = Reader(folder.logs, name), False
    while not is_over:
        is_over = not follow or not holder_of(folder) or _has_ended(run, trial)
        try:
            for line in reader.lines(is_over):
                yield texts.printable(line.expandtabs(), LIMIT)
        except FileNotFoundError:
            if is_over:
                return
        if not is_over:
            time.sleep(_PAUSE)


def _file_of(state: RunState, folder: RunFolder, trial: str) -> str:
    if trial == "test":
        return "test.txt"
    trials = state.trials
    if not trial.isdecimal() or int(trial) not in trials:
        known = f"0 to {max(trials)}" if trials else "none yet"
        raise UserError(
            f"--trial is {trial!r}; {folder.where} has the trials {known}, and 'test' is the "
            "final test"
        )
    return f"{int(trial):05d}.txt"


def _has_ended(run: Growing[RunState], trial: str) -> bool:
    run.fetch()
    state = run.look()
    if trial == "test":
        return state.tested is not None
    return state.trials[int(trial)].status.is_final
