"""Where a trial goes on from, whatever became of its checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_jobs.experiment.assignments import Train
from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.runs.checkpoints import CheckpointStore, DamagedCheckpointError, Saved
from tune_jobs.runs.restore import Restored, restore
from tune_jobs.storage import Folder

CONFIG = {"x": 0.5}
CLONE = {"x": 0.7}


class Trial:
    """Checkpoints of trial 1, and of trial 0, of which it may be a clone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = CheckpointStore(Folder(root))
        self.loaded = ""

    def save(
        self,
        epoch: int,
        trial_id: int = 1,
        lineage: int = 0,
        previous: int | None = None,
        **config: Any,
    ) -> None:
        metrics = {"loss": 1 / epoch}
        saved = Saved(trial_id, epoch, config or CONFIG, lineage, metrics, 1.0, previous=previous)
        name = f"trial {trial_id} lineage {lineage} epoch {epoch}"
        self.store.save(saved, lambda folder: folder.joinpath("state").write_text(name))

    def damage(self, epoch: int, trial_id: int = 1, file: str = "state") -> None:
        (self.root / f"{trial_id:05d}" / f"epoch-{epoch:05d}" / file).write_text("{}")

    def restore(self, train: Train) -> Restored:
        self.loaded = ""

        def load(folder: Path) -> None:
            self.loaded = (folder / "state").read_text()

        return restore(self.store, train, load)


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


def test_a_new_trial_begins_with_nothing(trial: Trial) -> None:
    assert trial.restore(Train(1, CONFIG, epoch=0)) == Restored()
    assert trial.loaded == ""


def test_a_trial_goes_on_from_its_newest(trial: Trial) -> None:
    for epoch in (1, 2, 3):
        trial.save(epoch)
    assert trial.restore(Train(1, CONFIG, epoch=3)) == Restored(epoch=3)
    assert trial.loaded == "trial 1 lineage 0 epoch 3"


def test_epochs_that_were_saved_and_not_recorded_are_reported_in_turn(trial: Trial) -> None:
    for epoch in (2, 3, 4, 5, 7):
        trial.save(epoch)
    restored = trial.restore(Train(1, CONFIG, epoch=3))
    assert restored.epoch == 5, "epoch 6 is not there, so nothing is known of it"
    assert [saved.epoch for saved in restored.unreported] == [4, 5]
    assert restored.warnings == []
    assert trial.loaded == "trial 1 lineage 0 epoch 5"


def test_reports_after_any_number_of_steps_are_told_in_turn(trial: Trial) -> None:
    for previous, epoch in ((0, 100), (100, 250), (250, 400), (700, 900)):
        trial.save(epoch, previous=previous)
    restored = trial.restore(Train(1, CONFIG, epoch=100))
    assert [saved.epoch for saved in restored.unreported] == [250, 400]
    assert restored.epoch == 400, "the report after 700 steps is not there"
    trial.damage(400)
    restored = trial.restore(Train(1, CONFIG, epoch=100))
    assert (restored.epoch, trial.loaded) == (250, "trial 1 lineage 0 epoch 250")
    assert [saved.epoch for saved in restored.unreported] == [250]


@pytest.mark.parametrize("file", ["state", "epoch.json"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_with_a_warning(
    trial: Trial, file: str
) -> None:
    for epoch in (2, 3):
        trial.save(epoch)
    trial.damage(3, file=file)
    restored = trial.restore(Train(1, CONFIG, epoch=3))
    assert (restored.epoch, restored.unreported) == (2, [])
    assert trial.loaded == "trial 1 lineage 0 epoch 2"
    assert "trial 1, epoch 3 is damaged" in restored.warnings[0]
    assert "epoch 2 instead of 3" in restored.warnings[-1]


def test_a_trial_without_any_that_is_whole_begins_again_with_a_warning(trial: Trial) -> None:
    trial.save(3)
    trial.damage(3)
    restored = trial.restore(Train(1, CONFIG, epoch=3))
    assert (restored.epoch, trial.loaded) == (0, "")
    assert "epoch 0 instead of 3" in restored.warnings[-1]


def test_another_trial_that_had_the_number_in_lost_facts_is_passed_over(trial: Trial) -> None:
    trial.save(1, x=0.9)
    trial.save(2, x=0.9)
    assert trial.restore(Train(1, CONFIG, epoch=0)) == Restored()


CLONED = Train(1, CLONE, epoch=4, lineage=1, clone_of=CheckpointRef(0, 6), cloned_at=4)


def test_a_clone_starts_from_its_source_and_not_from_its_former_self(trial: Trial) -> None:
    trial.save(6, trial_id=0)
    for epoch in (3, 4, 5):
        trial.save(epoch)
    assert trial.restore(CLONED) == Restored(epoch=4, cloned=True)
    assert trial.loaded == "trial 0 lineage 0 epoch 6"


def test_a_clone_that_trained_goes_on_from_its_own(trial: Trial) -> None:
    trial.save(6, trial_id=0)
    trial.save(4)
    trial.save(5, lineage=1, **CLONE)
    restored = trial.restore(CLONED)
    assert (restored.epoch, restored.cloned) == (5, False)
    assert [saved.epoch for saved in restored.unreported] == [5]
    assert trial.loaded == "trial 1 lineage 1 epoch 5"


def test_a_clone_whose_first_checkpoint_is_damaged_starts_from_its_source_again(
    trial: Trial,
) -> None:
    trial.save(6, trial_id=0)
    trial.save(4)
    trial.save(5, lineage=1, **CLONE)
    trial.damage(5)
    restored = trial.restore(Train(**{**vars(CLONED), "epoch": 5}))
    assert (restored.epoch, restored.cloned) == (4, True)
    assert trial.loaded == "trial 0 lineage 0 epoch 6"


def test_a_clone_of_a_damaged_source_starts_from_the_one_before(trial: Trial) -> None:
    trial.save(5, trial_id=0)
    trial.save(6, trial_id=0)
    trial.save(7, trial_id=0)
    trial.damage(6, trial_id=0)
    restored = trial.restore(CLONED)
    assert trial.loaded == "trial 0 lineage 0 epoch 5"
    assert "starts from epoch 5 of it instead of 6" in restored.warnings[-1]


def test_a_clone_of_nothing_is_an_error_that_says_so(trial: Trial) -> None:
    with pytest.raises(DamagedCheckpointError, match="trial 0 has no checkpoint"):
        trial.restore(CLONED)


@given(
    there=st.sets(st.integers(1, 8)),
    damaged=st.sets(st.integers(1, 8)),
    recorded=st.integers(0, 8),
)
def test_nothing_that_is_whole_is_lost_and_nothing_damaged_is_used(
    there: set[int],
    damaged: set[int],
    recorded: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    trial = Trial(tmp_path_factory.mktemp("checkpoints"))
    for epoch in there:
        trial.save(epoch)
    for epoch in there & damaged:
        trial.damage(epoch)
    restored = trial.restore(Train(1, CONFIG, epoch=recorded))
    whole = there - damaged
    assert restored.epoch in whole | {0}
    assert restored.epoch >= max((e for e in whole if e <= recorded), default=0)
    told = [saved.epoch for saved in restored.unreported]
    assert told == list(range(recorded + 1, restored.epoch + 1)), "every epoch, in order"
    if restored.epoch < recorded:
        assert restored.warnings
    shutil.rmtree(trial.root)
