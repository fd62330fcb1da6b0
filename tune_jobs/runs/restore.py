"""Restores a trial from its newest intact checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tune_jobs.experiment.assignments import Train
from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.runs.checkpoints import CheckpointStore, DamagedCheckpointError, Saved, as_stored

Load = Callable[[Path], None]


@dataclass
class Restored:
    """How a trial was restored.

    Attributes:
        epoch: epochs that the model has been trained for.
        cloned: whether its state comes from another trial, so it must be reconfigured.
        unreported: epochs that were trained and saved, but not recorded yet, in order.
        warnings: about checkpoints that could not be read.
    """

    epoch: int = 0
    cloned: bool = False
    unreported: list[Saved] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def restore(store: CheckpointStore, train: Train, load: Load) -> Restored:
    """Loads the newest state of a trial: its own of its present lineage, or the one from which the
    lineage started, or none.

    A damaged checkpoint is skipped with a warning, and the one before it is used; the epochs
    after it are trained again. Raises DamagedCheckpointError if a clone has nothing to start from.
    """
    restored = Restored()
    own = _of_this_lineage(store, train, restored.warnings)
    unreported = list(_following(train.epoch, own))
    newest = unreported[-1].epoch if unreported else train.epoch
    refs = [own[epoch].ref for epoch in sorted(own, reverse=True) if epoch <= newest]
    if loaded := _load_first(store, refs, load, restored.warnings):
        restored.epoch = loaded.epoch
        restored.unreported = [saved for saved in unreported if saved.epoch <= loaded.epoch]
    elif train.clone_of:
        _clone(store, train.clone_of, load, restored.warnings)
        restored.epoch, restored.cloned = train.cloned_at, True
    if restored.epoch < train.epoch:
        restored.warnings.append(
            f"trial {train.trial_id} continues from epoch {restored.epoch} instead of "
            f"{train.epoch}: it has no newer checkpoint that can be read"
        )
    return restored


def _of_this_lineage(store: CheckpointStore, train: Train, warnings: list[str]) -> dict[int, Saved]:
    """The trial's checkpoints by epoch, without those of an earlier lineage, or of a trial that
    had this number in facts that were lost."""
    config, found = as_stored(train.config), {}
    for epoch in store.epochs(train.trial_id):
        try:
            saved = store.saved(CheckpointRef(train.trial_id, epoch))
        except DamagedCheckpointError as error:
            warnings.append(str(error))
            continue
        if saved.lineage == train.lineage and saved.config == config:
            found[epoch] = saved
    return found


def _following(epoch: int, own: Mapping[int, Saved]) -> Iterator[Saved]:
    """The checkpoints after an epoch, as long as no report between them is missing."""
    after = {
        saved.epoch - 1 if saved.previous is None else saved.previous: saved
        for saved in own.values()
    }
    while saved := after.get(epoch):
        yield saved
        epoch = saved.epoch


def _clone(store: CheckpointStore, source: CheckpointRef, load: Load, warnings: list[str]) -> None:
    epochs = [epoch for epoch in store.epochs(source.trial_id) if epoch <= source.epoch]
    refs = [CheckpointRef(source.trial_id, epoch) for epoch in sorted(epochs, reverse=True)]
    loaded = _load_first(store, refs, load, warnings)
    if loaded is None:
        raise DamagedCheckpointError(
            "\n".join(
                [*warnings, f"trial {source.trial_id} has no checkpoint for a clone to start from"]
            )
        )
    if loaded != source:
        warnings.append(
            f"a clone of trial {source.trial_id} starts from epoch {loaded.epoch} of it instead of "
            f"{source.epoch}"
        )


def _load_first(
    store: CheckpointStore, refs: Iterable[CheckpointRef], load: Load, warnings: list[str]
) -> CheckpointRef | None:
    """Loads the first intact checkpoint; returns which one it was."""
    for ref in refs:
        try:
            with store.opened(ref) as folder:
                load(folder)
        except DamagedCheckpointError as error:
            warnings.append(str(error))
        else:
            return ref
    return None
