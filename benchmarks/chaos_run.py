"""A run of `chaos_job.py` whose drivers are killed, and what that cost it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from killing import Moment, is_killed, start

from tune_jobs.experiment.facts import Reported
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read
from tune_jobs.views.result import OF_ONE_EXECUTION

JOB = Path(__file__).with_name("chaos_job.py")
TRIALS = 14
RUN_SECONDS = 300.0

Epochs = list[tuple[int, int]]  # trial, epoch


@dataclass(frozen=True)
class Case:
    scheduler: str
    searcher: str
    concurrent: int

    @property
    def flags(self) -> list[str]:
        methods = ["--scheduler", self.scheduler, "--searcher", self.searcher]
        return [*methods, "--max-concurrent", str(self.concurrent)]


@dataclass(frozen=True)
class Kill:
    """What there was when a driver was killed."""

    journal: bytes  # whole lines
    recorded: Epochs
    trained: int  # epochs


@dataclass
class Run:
    case: Case
    scratch: Path
    name: str
    kills: list[Kill] = field(default_factory=list)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.scratch / self.name)

    @property
    def trained(self) -> Epochs:
        """What workers trained, in order."""
        log = self._log.read_text().splitlines() if self._log.exists() else []
        return [(int(trial), int(epoch)) for trial, epoch in map(str.split, log)]

    @property
    def recorded(self) -> Epochs:
        facts = read(self.folder.journal) if self.folder.journal.exists() else ()
        return [(fact.trial_id, fact.epoch) for fact in facts if isinstance(fact, Reported)]

    @property
    def table(self) -> list[dict[str, str]]:
        """trials.csv, without what is of this execution alone."""
        rows = csv.DictReader((self.folder.path / "trials.csv").open())
        return [{**row, **dict.fromkeys(OF_ONE_EXECUTION, "")} for row in rows]

    @property
    def best(self) -> dict[str, Any]:
        best = json.loads((self.folder.path / "summary.json").read_text())["best"]
        return {**best, "config": ""}  # it has the log's name

    def go_on(self, address: str, moments: Iterable[Moment] = ()) -> None:
        """Runs it to its end, through all the kills before. Raises RuntimeError where it does not
        end well."""
        for moment in moments:
            driver = start(self._command(), self.scratch, None if moment.power_cut else address)
            if not is_killed(driver, moment, self.folder.journal):
                break
            journal = self.folder.journal.read_bytes() if self.folder.journal.exists() else b""
            whole = journal[: journal.rfind(b"\n") + 1]
            self.kills.append(Kill(whole, self.recorded, len(self.trained)))
        driver = start(self._command(), self.scratch, address)
        never = Moment(0, RUN_SECONDS, power_cut=False)
        if is_killed(driver, never, self.folder.journal) or driver.returncode:
            raise RuntimeError((self.scratch / "output.txt").read_text())

    def _command(self) -> list[str]:
        if self.folder.declaration.exists():
            return ["resume", str(self.folder.path)]
        place = ["--storage", str(self.scratch), "--name", self.name, "--set", f"log={self._log}"]
        return ["run", str(JOB), "--samples", str(TRIALS), *self.case.flags, *place]

    @property
    def _log(self) -> Path:
        return self.scratch / f"{self.name}.log"


def again(run: Run) -> int:
    """How many epochs were trained once more."""
    return len(run.trained) - len(set(run.trained))


def losses(run: Run) -> Iterator[str]:
    """What is not as if nothing had happened; nothing, where all is well."""
    recorded, trained, journal = run.recorded, run.trained, run.folder.journal.read_bytes()
    ended = [row["trial_id"] for row in run.table if row["status"] in ("completed", "stopped")]
    if ended != [str(number) for number in range(TRIALS)]:
        yield f"trials {', '.join(ended)} ended well, of {TRIALS}"
    if len(recorded) != len(set(recorded)):
        yield "an epoch is recorded twice"
    if set(recorded) != set(trained):
        yield f"recorded and trained differ in {sorted(set(recorded) ^ set(trained))}"
    if again(run) > len(run.kills) * run.case.concurrent:
        yield f"{again(run)} epochs were trained again in {len(run.kills)} kills"
    for number, kill in enumerate(run.kills, start=1):
        if not journal.startswith(kill.journal):
            yield f"the journal has lost lines that it had at kill {number}"
        if repeated := set(kill.recorded) & set(trained[kill.trained :]):
            yield f"{sorted(repeated)} were recorded at kill {number}, and trained after it"
