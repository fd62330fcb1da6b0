"""A run's folder: where everything of one execution of a job stands.

job.json       the declaration as run, with versions, git commit, hardware, command line
journal.jsonl  the truth
summary.json, trials.csv, tensorboard/, checkpoints/   derived, or written by the trials
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from search_algos.domains import Domain
from tune_jobs.errors import UserError, nearest
from tune_jobs.job import TuneJob
from tune_jobs.lookup import field_names, name_of
from tune_jobs.objective import Objective

RECORDED_VERSIONS = (
    *("tune-jobs", "ray", "torch", "numpy", "scipy", "scikit-learn"),
    *("bayesian-optimization", "hyperopt", "optuna", "cmaes"),
)


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def declaration(self) -> Path:
        return self.path / "job.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    def check_free(self) -> None:
        """Raises UserError where a run has this name, or where nothing can be written."""
        if self.path.exists():
            raise UserError(f"run {self.name!r} exists in {self.path.parent}; give another --name")
        there = next(parent for parent in self.path.parents if parent.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise UserError(
                f"{self.path} cannot be made: {there} is no folder that can be written; give "
                "another --storage"
            )

    def create(self, job: TuneJob, cluster: Mapping[str, float]) -> None:
        """Makes the folder with its job.json; ``cluster`` is what Ray has to give.

        Raises UserError as `check_free` does.
        """
        self.check_free()
        self.path.mkdir(parents=True)
        write_json(self.declaration, {**declaration(job), **provenance(), "cluster": dict(cluster)})

    def read_declaration(self) -> Declaration:
        """Raises UserError where the folder holds no run."""
        try:
            found = json.loads(self.declaration.read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path} holds no run: job.json cannot be read") from error
        return Declaration(**{name: found[name] for name in field_names(Declaration)})


@dataclass(frozen=True)
class Declaration:
    """The part of job.json that a view needs; the model is never imported for it."""

    name: str
    metric: str
    mode: str
    num_samples: int
    max_epochs: int
    seed: int
    constants: dict[str, Any]

    @property
    def objective(self) -> Objective:
        return Objective(self.metric, "min" if self.mode == "min" else "max")


def storage_folder(given: str | None) -> Path:
    """``--storage``, else $TUNE_JOBS_STORAGE, else ./results.

    Raises UserError for a place that is not a folder.
    """
    place = given or os.environ.get("TUNE_JOBS_STORAGE") or "results"
    if "://" in place:
        raise UserError(
            f"storage {place!r} is no folder; give one that every node can reach, such as NFS"
        )
    return Path(place).expanduser().absolute()


def new_run(job: TuneJob, storage: Path, name: str | None) -> RunFolder:
    """The folder of a run to come: ``name``, or the job's name and the time."""
    if name is not None and (not name or "/" in name or name.startswith(".")):
        raise UserError(f"run name {name!r} is no name of a folder; use letters, digits, _ . -")
    return RunFolder(storage / (name or f"{job.name}-{time.strftime('%Y%m%d-%H%M%S')}"))


def find_run(storage: Path, name_or_path: str) -> RunFolder:
    """Raises UserError for a run that is not there."""
    for path in (storage / name_or_path, Path(name_or_path)):
        if (path / "job.json").is_file():
            return RunFolder(path)
    names = [run.name for run in all_runs(storage)]
    hint = nearest(name_or_path, names) if names else "it has no runs"
    raise UserError(f"run {name_or_path!r} is not in {storage}; {hint}")


def all_runs(storage: Path) -> list[RunFolder]:
    """Every run of a storage, oldest first."""
    found = sorted(storage.glob("*/job.json"), key=lambda path: path.stat().st_mtime)
    return [RunFolder(path.parent) for path in found]


def declaration(job: TuneJob) -> dict[str, Any]:
    """The job as JSON."""
    fields = {field: getattr(job, field) for field in field_names(job)}
    for kind in ("model", "searcher", "scheduler"):
        fields[kind] = name_of(fields[kind])
    fields["space"] = {
        name: {"domain": type(value).__name__, **dataclasses.asdict(value)}
        if isinstance(value, Domain)
        else value
        for name, value in job.space.items()
    }
    fields["constants"] = job.constants()
    return fields


def provenance() -> dict[str, Any]:
    """Where, when and with what a run was made."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": sys.argv,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in RECORDED_VERSIONS},
        },
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changes": bool(_git("status", "--porcelain")),
        "hardware": {
            "host": platform.node(),
            "system": platform.platform(),
            "processors": os.cpu_count(),
        },
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes all of it or nothing."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(content, indent=2, default=str) + "\n")
    unfinished.replace(path)


def _git(*command: str) -> str | None:
    """What git says of the working folder, or None where it is not under git."""
    try:
        found = subprocess.run(["git", *command], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
