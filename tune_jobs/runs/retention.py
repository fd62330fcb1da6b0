"""Which checkpoints of a run are kept."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from heapq import nsmallest

from pydantic import ByteSize

from tune_jobs.experiment.facts import Fact, Failed, Reported, TrialResumed
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import CheckpointRef, Trial
from tune_jobs.runs.checkpoints import CheckpointStore
from tune_jobs.search_algos.decisions import Exploit
from tune_jobs.search_algos.order import Loss
from tune_jobs.storage import StorageError


class Retention:
    """A view that removes checkpoints that are no longer needed, in the background.

    It keeps the newest of every trial, the best epochs of the best trials, and those from which a
    clone may have to start again; where a trial that is beaten may be the best again, also the one
    of its report that counts. A checkpoint is removed only after the facts that made it unnecessary
    are safe: a run that lost its last facts still has the checkpoints of that time.

    Args:
        keep: how many per trial.
        quota: bytes for the whole run. Above it, checkpoints of the worst ended trials are removed
            first, then older ones of the others. Those that the run still needs stay.
        settle: returns when every fact so far is safe.
        warn: called once if the quota cannot be kept.
        keep_best: trials whose best epoch is kept, those of the front among them.
    """

    def __init__(
        self,
        store: CheckpointStore,
        keep: int,
        quota: int | None,
        settle: Callable[[], None],
        warn: Callable[[str], None],
        keep_best: int = 1,
    ) -> None:
        self._store = store
        self._keep = keep
        self._quota = quota
        self._warn: Callable[[str], None] | None = warn
        self._held: dict[int, dict[int, int]] = {}  # trial -> epoch -> bytes
        self._total = 0
        self._keep_best = keep_best
        self._best: list[int] = []  # trials, the best first
        self._origins: dict[int, CheckpointRef] = {}  # clone -> where it may have to start
        self._clones: defaultdict[int, set[int]] = defaultdict(set)  # of a trial, in origins
        self._remover = _Remover(store, settle)

    def take_over(self, state: RunState) -> None:
        """Continues after an earlier driver, with what is in the store."""
        self._store.place.sweep()
        self._held = self._store.sizes()
        self._total = sum(sum(sizes.values()) for sizes in self._held.values())
        for trial in state.trials.values():
            self._note_origin(trial)
        self._best = self._best_of(state.trials, state)
        for trial_id in [n for n in self._held if n in state.trials]:
            self._clean_up(trial_id, state)

    def on_fact(self, fact: Fact, state: RunState) -> None:
        match fact:
            case Reported(trial_id=trial_id):
                self._hold(CheckpointRef(trial_id, fact.epoch), fact.checkpoint_bytes)
            case (
                Failed(trial_id=trial_id, retry=False)
                | TrialResumed(trial_id=trial_id, exploit=Exploit())
            ):
                pass
            case _:
                return
        touched = {trial_id, *self._best}
        if origin := self._origins.get(trial_id):
            touched.add(origin.trial_id)
        self._best = self._best_of({trial_id, *self._best}, state)
        self._note_origin(state.trials[trial_id])
        for number in touched:
            self._clean_up(number, state)
        self._keep_quota(state)

    def close(self) -> None:
        self._remover.close()

    def _hold(self, ref: CheckpointRef, size: int) -> None:
        sizes = self._held.setdefault(ref.trial_id, {})
        self._total += size - sizes.get(ref.epoch, 0)
        sizes[ref.epoch] = size

    def _note_origin(self, trial: Trial) -> None:
        if before := self._origins.pop(trial.trial_id, None):
            self._clones[before.trial_id].discard(trial.trial_id)
        young = trial.epoch - trial.cloned_at < self._keep
        if trial.clone_of and young and not trial.status.is_final:
            self._origins[trial.trial_id] = trial.clone_of
            self._clones[trial.clone_of.trial_id].add(trial.trial_id)

    def _clean_up(self, trial_id: int, state: RunState) -> None:
        kept = newest(self._held.get(trial_id, ()), state.trials[trial_id].epoch, self._keep)
        kept |= self._wanted(trial_id, state)
        if state.objective.may_return:  # a trial that another one beats
            kept.add(state.trials[trial_id].best_epoch)
        self._remove(CheckpointRef(trial_id, e) for e in self._held.get(trial_id, {}).keys() - kept)

    def _wanted(self, trial_id: int, state: RunState) -> set[int]:
        """The epochs of a trial that others need."""
        epochs = {self._origins[clone].epoch for clone in self._clones.get(trial_id, ())}
        return epochs | ({state.trials[trial_id].best_epoch} if trial_id in self._best else set())

    def _best_of(self, trial_ids: Iterable[int], state: RunState) -> list[int]:
        """The best of these trials, those of the front first."""
        front = {best.trial_id for best in state.front}
        if self._keep_best > 1 and state.objective.best == "last":
            trial_ids = state.trials  # one that became worse may have let any other in

        def rank(trial_id: int) -> tuple[bool, tuple[int, Loss], int]:
            trial = state.trials[trial_id]
            worth = state.objective.rank(trial.best_epoch, trial.best_loss)
            return trial_id not in front, worth, trial_id

        judged = [n for n in {*trial_ids, *front} if state.trials[n].best_epoch]
        return nsmallest(max(self._keep_best, len(front)), judged, key=rank)

    def _keep_quota(self, state: RunState) -> None:
        if self._quota is None or self._total <= self._quota:
            return
        for ref in self._superfluous(state):
            self._remove([ref])
            if self._total <= self._quota:
                return
        if self._warn:
            self._warn(
                f"the checkpoints that the run still needs take {_size(self._total)}, the quota "
                f"is {_size(self._quota)}"
            )
            self._warn = None

    def _superfluous(self, state: RunState) -> list[CheckpointRef]:
        """The checkpoints that the run does not need, in the order of removal: of ended trials
        before live ones, of worse trials first, older ones first."""
        refs = []
        for trial_id, sizes in self._held.items():
            if trial_id not in state.trials:  # its facts were lost; it may be suggested again
                continue
            trial = state.trials[trial_id]
            kept = self._wanted(trial_id, state)
            if not trial.status.is_final:
                kept |= newest(sizes, trial.epoch, 1)
            refs += [CheckpointRef(trial_id, epoch) for epoch in sizes.keys() - kept]

        def rank(ref: CheckpointRef) -> tuple[int, Loss]:
            trial = state.trials[ref.trial_id]
            return state.objective.rank(trial.best_epoch, trial.best_loss)

        worst_first = sorted(sorted(refs), key=rank, reverse=True)
        return sorted(worst_first, key=lambda ref: not state.trials[ref.trial_id].status.is_final)

    def _remove(self, refs: Iterable[CheckpointRef]) -> None:
        for ref in refs:
            sizes = self._held[ref.trial_id]
            self._total -= sizes.pop(ref.epoch)
            if not sizes:
                del self._held[ref.trial_id]
            self._remover.remove(ref)


def _size(count: int) -> str:
    """Bytes, in the units of ``--checkpoint-quota``."""
    return ByteSize(count).human_readable()


def newest(epochs: Iterable[int], recorded: int, count: int) -> set[int]:
    """The last ones up to the recorded epoch, and whatever a worker has written since."""
    ordered = sorted(epochs)
    past = [epoch for epoch in ordered if epoch <= recorded]
    return {*past[-count:], *(epoch for epoch in ordered if epoch > recorded)}


class _Remover:
    """Removes checkpoints in a thread, a batch at a time."""

    def __init__(self, store: CheckpointStore, settle: Callable[[], None]) -> None:
        self._store = store
        self._settle = settle
        self._waiting: list[CheckpointRef] = []
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="checkpoint remover", daemon=True)
        self._thread.start()

    def remove(self, ref: CheckpointRef) -> None:
        with self._changed:
            self._waiting.append(ref)
            self._changed.notify()

    def close(self) -> None:
        """Returns when everything that can be removed is removed."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                batch, self._waiting = self._waiting, []
            if not batch:
                return
            try:
                self._settle()
                for ref in batch:
                    self._store.remove(ref)
            except (OSError, StorageError):
                continue  # not needed any more; the next driver finds and removes them
