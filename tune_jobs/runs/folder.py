"""A run's folder: all files of one execution of a job.

job.json       the job as run, with versions, git commit, hardware, command line
journal.jsonl  the truth
summary.json, trials.csv, report.html, tensorboard/, errors/   derived
checkpoints/, logs/, artifacts/   written by trials
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from shlex import quote as quote_for_shell
from typing import Any
from urllib.parse import quote

from platformdirs import user_cache_path

from tune_jobs.errors import UserError, nearest, shown
from tune_jobs.job.declaration import Declaration, as_json
from tune_jobs.job.origin import Origin
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.search_algos.domains.values import untagged
from tune_jobs.storage import Folder, Place, open_place, patiently
from tune_jobs.storage.download import Download

RECORDED_VERSIONS = (
    *("tune-jobs", "ray", "torch", "numpy", "scipy", "scikit-learn"),
    *("bayesian-optimization", "hyperopt", "optuna", "cmaes"),
)
_LONGEST_NAME = 200  # bytes: most file systems allow 255, and some files have longer names


@dataclass(frozen=True)
class RunFolder:
    """A run's folder on this machine. A run in a bucket is kept there; its folder here is the
    driver's working copy, without checkpoints.
    """

    path: Path
    bucket: Place | None = None

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def place(self) -> Place:
        """Where the run is kept."""
        return self.bucket or Folder(self.path)

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def declaration(self) -> Path:
        return self.path / "job.json"

    @property
    def checkpoints(self) -> Place:
        return self.place.child("checkpoints")

    @property
    def logs(self) -> Place:
        return self.place.child("logs")

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def errors(self) -> Path:
        return self.path / "errors"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def where(self) -> str:
        """Its URL, or its path from here."""
        return self.bucket.url if self.bucket else str(near(self.path))

    @property
    def resume_command(self) -> str:
        """The shell command that resumes the run."""
        return f"tune-jobs resume {quote_for_shell(self.where)}"

    @property
    def exists_here(self) -> bool:
        return self.declaration.exists()

    @property
    def exists(self) -> bool:
        """Whether the run exists. Raises StorageError if the storage cannot be read."""
        try:
            patiently(lambda: self.place.read("job.json"), 0.0)
        except FileNotFoundError:
            return False
        return True

    def check_free(self) -> None:
        """Raises UserError if a run has this name, or if nothing can be written there."""
        if not self.bucket:
            self._check_can_be_made()
        if self.exists:
            raise UserError(
                f"run {self.name!r} exists in {self.place.url.rpartition('/')[0]}; continue it "
                f"with `{self.resume_command}`, or give another --name"
            )
        if not self.bucket and self._has_files:
            raise UserError(f"{self.path} has files of something else; give another --name")

    def _check_can_be_made(self) -> None:
        there = next(parent for parent in self.path.parents if parent.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise UserError(
                f"{self.path} cannot be made: {there} is not a folder that can be written; give "
                "another --storage"
            )

    @property
    def _has_files(self) -> bool:
        """Whether it has files besides the lock of a driver that is starting."""
        return self.path.is_dir() and any(not f.name.startswith(".") for f in self.path.iterdir())

    def create(self, job: TuneJob, cluster: Mapping[str, float], origin: Origin) -> None:
        """Writes the job.json of a run into its locked folder; ``cluster`` is Ray's resources.

        Raises UserError as `check_free` does.
        """
        self.check_free()
        if self.bucket and self._has_files:  # of a run that is no longer in the bucket
            self._set_aside()
        self.path.mkdir(parents=True, exist_ok=True)
        declared = as_json(job, origin.file, origin.job)
        write_json(self.declaration, {**declared, **provenance(), "cluster": dict(cluster)})

    def remove_if_empty(self) -> None:
        """Leaves nothing behind if a run never started."""
        if not self.exists_here and not self._has_files:
            shutil.rmtree(self.path, ignore_errors=True)

    def _set_aside(self) -> None:
        old = self.path / f".old-{time.time():.0f}"
        old.mkdir()
        for entry in [entry for entry in self.path.iterdir() if not entry.name.startswith(".")]:
            entry.rename(old / entry.name)

    def fetch(self) -> None:
        """Downloads what a driver or a view needs of a run in a bucket.

        Raises UserError if it is damaged, StorageError if it cannot be reached.
        """
        self.fetching()()

    def fetching(self) -> Callable[[], None]:
        """The same, to be called again and again: it downloads only what is new."""
        return Download(self.bucket, self.path) if self.bucket else lambda: None

    def read_job_json(self) -> dict[str, Any]:
        """Raises UserError where the folder holds no run."""
        try:
            found: dict[str, Any] = json.loads(self.declaration.read_text(), object_hook=untagged)
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path} is not a run: job.json cannot be read") from error
        return found

    def read_declaration(self) -> Declaration:
        """Raises UserError where the folder holds no run."""
        return Declaration.of(self.read_job_json())


@dataclass(frozen=True)
class Storage:
    """The place of all runs, each in a folder of its own."""

    place: Place

    def run(self, name: str) -> RunFolder:
        """The folder of a run, which may not exist."""
        if isinstance(self.place, Folder):
            return RunFolder(self.place.path / name)
        return RunFolder(_working_copies(self.place) / name, self.place.child(name))

    def runs(self) -> list[RunFolder]:
        """All runs, in no order."""
        names = patiently(self.place.folders, 0.0)
        return [run for run in map(self.run, names) if run.exists]


def find_storage(given: str | None) -> Storage:
    """``--storage``, else $TUNE_JOBS_STORAGE, else ./results: a folder or a bucket's URL.

    Raises UserError for a place that is neither.
    """
    return Storage(open_place(given or os.environ.get("TUNE_JOBS_STORAGE") or "results"))


def new_run(job: TuneJob, storage: Storage, name: str | None) -> RunFolder:
    """The folder for a new run: ``name``, or the job's name and the time."""
    name = f"{job.name}-{time.strftime('%Y%m%d-%H%M%S')}" if name is None else name
    is_short = 0 < len(name.encode(errors="replace")) <= _LONGEST_NAME
    if not (is_short and name.isprintable()) or "/" in name or name.startswith("."):
        raise UserError(
            f"run name {shown(name)} cannot be a folder's name; give a --name of letters, digits, "
            f"_ . -, which does not begin with a dot, of at most {_LONGEST_NAME} bytes"
        )
    return storage.run(name)


def find_run(storage: Storage, name_or_path: str) -> RunFolder:
    """A run of the storage by name, or any run by its path or URL, with what is needed of it here.

    Raises UserError for a run that does not exist, or is damaged.
    """
    run = existing_run(storage, name_or_path)
    run.fetch()
    return run


def existing_run(storage: Storage, name_or_path: str) -> RunFolder:
    """As `find_run`, but nothing is read: the run may be damaged."""
    path, options = name_or_path, ""
    if "://" in path:
        path, mark, rest = path.partition("?")
        options = mark + rest
    place, _, name = path.rstrip("/").rpartition("/")
    elsewhere = [Storage(open_place((place or ".") + options))] if name else []
    for candidate in ([] if place else [storage]) + elsewhere:
        if (run := candidate.run(name)).exists:
            return run
    names = [run.name for run in storage.runs()]
    hint = f"; {nearest(name_or_path, names)}" if names else ", which has no runs"
    raise UserError(
        f"run {name_or_path!r} is not in {storage.place.url}{hint} (give the path of a run that is "
        "elsewhere, or --storage)"
    )


def _working_copies(place: Place) -> Path:
    return user_cache_path("tune-jobs") / "runs" / quote(place.url, safe="")


def near(path: Path) -> Path:
    """The relative path, if it is below the working folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


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
    """Git's answer about the working folder, or None if it is not under git."""
    try:
        found = subprocess.run(["git", *command], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
