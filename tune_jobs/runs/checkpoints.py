"""The checkpoint store: a folder per trial, and in it a folder per epoch, complete or absent.

    checkpoints/00007/epoch-00009/   what the model saved, and epoch.json, which describes it

The worker that trained an epoch writes it. All files have checksums, so damage is noticed before
a model loads it.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.storage import Place, patiently

T = TypeVar("T")

_SEAL = "epoch.json"


class DamagedCheckpointError(Exception):
    """A checkpoint has changed since it was written; the message says which and how."""


@dataclass(frozen=True)
class Saved:
    """What a checkpoint contains: the model of a trial after ``epoch``, and the epoch's metrics.

    ``lineage`` counts how often the trial had become a clone by then. ``previous`` is the epoch of
    the report before, by default the one before this epoch.
    """

    trial_id: int
    epoch: int
    config: Mapping[str, Any]
    lineage: int
    metrics: Mapping[str, float]
    seconds: float
    bytes: int = 0  # once it is written
    previous: int | None = None

    @property
    def ref(self) -> CheckpointRef:
        return CheckpointRef(self.trial_id, self.epoch)


class CheckpointStore:
    """Checkpoints in one place that every worker can reach.

    Args:
        patience: seconds to retry a storage that fails.
    """

    def __init__(self, place: Place, patience: float = 0.0) -> None:
        self.place = place
        self._patience = patience

    def save(self, saved: Saved, write: Callable[[Path], None]) -> Saved:
        """Adds or replaces a checkpoint; ``write`` fills the folder that it gets. Returns the
        description of the checkpoint, with its bytes.

        It appears only when it is complete, so a crash leaves no half of one. Raises StorageError
        if it cannot be written.
        """
        sealed = saved

        def fill(folder: Path) -> None:
            nonlocal sealed
            write(folder)
            files = {name: _measured(folder / name) for name in _names(folder)}
            sealed = replace(saved, bytes=sum(entry["bytes"] for entry in files.values()))
            content = {"saved": asdict(sealed), "files": files}
            (folder / _SEAL).write_text(json.dumps({**content, "sha256": _digest(content)}))

        name = folder_of(saved.ref)
        self._patiently(lambda: self.place.put_folder(name, fill, seal=_SEAL))
        return sealed

    def saved(self, ref: CheckpointRef) -> Saved:
        """What a checkpoint contains. Raises DamagedCheckpointError, also if there is none."""
        return Saved(**self._seal(ref)["saved"])

    @contextmanager
    def opened(self, ref: CheckpointRef) -> Iterator[Path]:
        """The folder that the model wrote, unchanged.

        Raises DamagedCheckpointError, also if there is none.
        """
        with ExitStack() as stack:
            yield self._opened(ref, stack)

    def _opened(self, ref: CheckpointRef, stack: ExitStack) -> Path:
        files = self._seal(ref)["files"]
        with _damage_told(ref):
            name = folder_of(ref)
            folder = self._patiently(lambda: stack.enter_context(self.place.folder(name)))
            for file, wanted in files.items():
                if _measured(folder / file) != wanted:
                    raise DamagedCheckpointError(f"{_words(ref)} is damaged: {file} has changed")
        return folder

    def epochs(self, trial_id: int) -> list[int]:
        """The epochs of which the trial has a checkpoint, damaged or not."""
        place = self.place.child(f"{trial_id:05d}")
        files = self._patiently(place.files)
        return sorted(_epoch(name) for name in files if name.endswith(f"/{_SEAL}"))

    def sizes(self) -> dict[int, dict[int, int]]:
        """The bytes of every checkpoint: trial -> epoch -> bytes."""
        sizes: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for name, size in self._patiently(self.place.files).items():
            trial, _, rest = name.partition("/")
            if not (trial.isdigit() and rest.startswith("epoch-")):
                continue  # not of ours
            epoch = _epoch(rest)
            sizes[int(trial)][epoch] = sizes[int(trial)].get(epoch, 0) + size
        return sizes

    def remove(self, ref: CheckpointRef) -> None:
        self.place.remove(folder_of(ref))

    def _patiently(self, action: Callable[[], T]) -> T:
        return patiently(action, self._patience)

    def _seal(self, ref: CheckpointRef) -> dict[str, Any]:
        with _damage_told(ref):
            written = self._patiently(lambda: self.place.read(f"{folder_of(ref)}/{_SEAL}"))
            content: dict[str, Any] = json.loads(written)
            if content.pop("sha256") != _digest(content):
                raise DamagedCheckpointError(f"{_words(ref)} is damaged: {_SEAL} has changed")
        return content


def folder_of(ref: CheckpointRef) -> str:
    """Where in the store a checkpoint is."""
    return f"{ref.trial_id:05d}/epoch-{ref.epoch:05d}"


def as_stored(config: Mapping[str, Any]) -> Any:
    """A config as it comes back from a checkpoint."""
    return json.loads(json.dumps(config))


@contextmanager
def _damage_told(ref: CheckpointRef) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DamagedCheckpointError(f"{_words(ref)} is missing, at least in part") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedCheckpointError(f"{_words(ref)} is damaged: {_SEAL} is missing") from None


def _words(ref: CheckpointRef) -> str:
    return f"the checkpoint of trial {ref.trial_id}, epoch {ref.epoch}"


def _epoch(name: str) -> int:
    return int(name.partition("/")[0].removeprefix("epoch-"))


def _names(folder: Path) -> list[str]:
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())


def _measured(file: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return {"bytes": file.stat().st_size, "sha256": digest.hexdigest()}


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
