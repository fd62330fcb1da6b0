"""What removes a run, or a part of it. A run in use is left alone."""

from __future__ import annotations

from typing import NamedTuple

from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.runs.checkpoints import CheckpointStore
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import read
from tune_jobs.runs.lock import locked
from tune_jobs.storage import Folder, patiently


class Pruned(NamedTuple):
    """Attributes:
    checkpoints: that were removed.
    bytes: that they took.
    """

    checkpoints: int
    bytes: int


def delete(folder: RunFolder) -> None:
    """Removes a run with all its files. It may be damaged.

    A deletion that is cut short can be repeated. Raises UserError if the run is in use,
    StorageError if its storage fails.
    """
    with locked(folder):
        if folder.bucket:
            names = {name.partition("/")[0] for name in patiently(folder.bucket.files, 0.0)}
            for name in sorted(names - {"job.json", "lease"}):
                folder.bucket.remove(name)
            folder.bucket.remove("")
        Folder(folder.path).remove("")


def prune(folder: RunFolder) -> Pruned:
    """Removes all checkpoints of a run but that of its best epoch; with several metrics, but those
    of the Pareto front.

    Trials that have not ended start from the beginning if the run is resumed. Raises UserError if
    the run is in use or damaged.
    """
    with locked(folder):
        folder.fetch()  # again, now that nobody else writes
        front = folder.read_declaration().state(read(folder.journal)).front
        store = CheckpointStore(folder.checkpoints)
        store.place.sweep()
        held = {
            CheckpointRef(trial_id, epoch): size
            for trial_id, sizes in store.sizes().items()
            for epoch, size in sizes.items()
        }
        for best in front:
            held.pop(best.checkpoint, None)
        for ref in held:
            store.remove(ref)
    return Pruned(len(held), sum(held.values()))
