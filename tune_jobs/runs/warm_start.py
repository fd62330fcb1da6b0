"""The trials of an earlier run, for the searcher of a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from tune_jobs.errors import UserError, counted
from tune_jobs.experiment.facts import Fact, Known, Reported, Suggested, TrialResumed
from tune_jobs.job.declaration import Declaration
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read
from tune_jobs.search_algos.decisions import Exploit
from tune_jobs.search_algos.order import Loss
from tune_jobs.search_algos.space import split


class Learned(NamedTuple):
    """Attributes:
    known: trials of an earlier run that fit the new job.
    left_out: how many do not.
    """

    known: list[Known]
    left_out: int


def known_from(folder: RunFolder, job: TuneJob) -> Learned:
    """The trials of an earlier run as observations in the space of ``job``.

    A trial outside the space, or with another value for something that is fixed in the job, is
    left out.

    Raises UserError if the run did not report the job's metric, if none of its trials fits, or if
    its epochs are of another kind.
    """
    space, fixed = split(job.space, job.constraints)
    fixed.pop("seed", None)  # another seed repeats the same config
    earlier = folder.read_declaration()
    if earlier.folds != job.folds or (job.folds and earlier.max_epochs != job.max_epochs):
        raise UserError(
            f"run {folder.name!r} has {_unit(earlier)}, this job has {_unit(job)}; they cannot be "
            "compared: give the same folds and max_epochs"
        )
    if earlier.time_attr != job.time_attr:
        raise UserError(
            f"run {folder.name!r} has time_attr={earlier.time_attr!r}, this job has "
            f"{job.time_attr!r}; they cannot be compared: give the same"
        )
    constants = earlier.constants
    facts = list(read(folder.journal))
    reported = next((fact.metrics for fact in facts if isinstance(fact, Reported)), None)
    if reported and not any(_has_metric(fact, job) for fact in facts):
        raise UserError(f"run {folder.name!r}: {job.objective.missing_from(reported)}")
    found, tried = [], list(_tried(facts, job))
    for known in tried:
        whole = {**constants, **known.config}
        config = {name: whole[name] for name in space if name in whole}
        same = all(name in whole and whole[name] == value for name, value in fixed.items())
        if same and space.contains(config):
            found.append(replace(known, config=config))
    if not found:
        raise UserError(
            f"the searcher cannot learn from run {folder.name!r}: no trial has both a config in "
            f"this job's space ({', '.join(space)}) and a report of the metric"
        )
    return Learned(found, len(tried) - len(found))


def _unit(declared: Declaration | TuneJob) -> str:
    """The kind of its epochs."""
    if declared.folds is None:
        return "no folds"
    return f"{declared.folds} folds of {counted(declared.max_epochs, 'epoch')}"


def _has_metric(fact: Fact, job: TuneJob) -> bool:
    return isinstance(fact, Reported) and job.objective.loss(fact.metrics) is not None


def _tried(facts: Iterable[Fact], job: TuneJob) -> Iterator[Known]:
    """Every config with its losses, until the trial got another config."""
    configs: dict[int, dict[str, object]] = {}
    losses: dict[int, dict[int, Loss]] = {}
    cloned: set[int] = set()
    for fact in facts:
        match fact:
            case Suggested():
                configs[fact.trial_id] = fact.config
                losses[fact.trial_id] = {}
            case Reported() if fact.trial_id not in cloned:
                if (loss := job.objective.loss(fact.metrics)) is not None:
                    losses[fact.trial_id][fact.epoch] = loss
                if isinstance(fact.decision, Exploit):
                    cloned.add(fact.trial_id)
            case TrialResumed(exploit=Exploit()):
                cloned.add(fact.trial_id)
    for trial_id, config in configs.items():
        if losses[trial_id]:
            yield Known(config=config, losses=losses[trial_id])
