"""The store: what was written comes back as it was, or is told to be damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_jobs.experiment.trial import CheckpointRef
from tune_jobs.runs.checkpoints import CheckpointStore, DamagedCheckpointError, Saved
from tune_jobs.storage import FileInfo, Folder, StorageError


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(Folder(tmp_path / "checkpoints"))


def saved(epoch: int, trial_id: int = 0, lineage: int = 0, **config: Any) -> Saved:
    return Saved(trial_id, epoch, config, lineage, {"loss": 1 / epoch}, 2.5)


def save(store: CheckpointStore, what: Saved, text: str = "weights") -> Saved:
    def write(folder: Path) -> None:
        (folder / "parts").mkdir()
        (folder / "parts" / "state").write_text(text)

    return store.save(what, write)


def text_of(store: CheckpointStore, ref: CheckpointRef) -> str:
    with store.opened(ref) as folder:
        return (folder / "parts" / "state").read_text()


def test_a_checkpoint_comes_back_with_what_it_is_of(store: CheckpointStore) -> None:
    assert store.epochs(3) == []
    for epoch in (1, 2, 10):
        written = save(store, saved(epoch, trial_id=3, x=0.5, names=["a", None]), f"after {epoch}")
        assert written.bytes == len(f"after {epoch}")
    assert store.epochs(3) == [1, 2, 10]
    ref = CheckpointRef(3, 10)
    assert store.saved(ref) == written
    assert text_of(store, ref) == "after 10"
    assert store.sizes().keys() == {3}
    assert store.sizes()[3].keys() == {1, 2, 10}


def test_an_epoch_saved_again_replaces_the_first(store: CheckpointStore) -> None:
    save(store, saved(1), "first")
    save(store, saved(1), "second")
    assert text_of(store, CheckpointRef(0, 1)) == "second"


def test_a_checkpoint_whose_writing_failed_is_not_there(store: CheckpointStore) -> None:
    save(store, saved(1))

    def write(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("no space left on device")

    with pytest.raises(StorageError, match="no space"):
        store.save(saved(2), write)
    assert store.epochs(0) == [1]
    assert os.listdir(store.place.url + "/00000") == ["epoch-00001"]


def test_a_process_killed_while_writing_leaves_the_one_before(store: CheckpointStore) -> None:
    script = f"""
import os, signal
from pathlib import Path
from tune_jobs.runs.checkpoints import CheckpointStore, Saved
from tune_jobs.storage import Folder
store = CheckpointStore(Folder(Path({store.place.url!r})))
store.save(Saved(0, 1, {{}}, 0, {{"loss": 1.0}}, 0.0), lambda f: (f / "state").write_text("one"))
def die(folder):
    (folder / "state").write_text("tw")
    os.kill(os.getpid(), signal.SIGKILL)
store.save(Saved(0, 2, {{}}, 0, {{"loss": 0.5}}, 0.0), die)
"""
    died = subprocess.run([sys.executable, "-c", script], check=False)
    assert died.returncode == -signal.SIGKILL
    assert store.epochs(0) == [1]
    save(store, saved(2))
    assert store.epochs(0) == [1, 2]


def test_what_is_not_there_is_told(store: CheckpointStore) -> None:
    with pytest.raises(DamagedCheckpointError, match="trial 4, epoch 2 is missing"):
        store.saved(CheckpointRef(4, 2))
    with (
        pytest.raises(DamagedCheckpointError, match="trial 4, epoch 2 is missing"),
        store.opened(CheckpointRef(4, 2)),
    ):
        pass


class Flaky(Folder):
    """Fails at the first of everything, and then works."""

    failed: ClassVar[set[str]] = set()

    def read(self, name: str) -> bytes:
        self._fail_once("read")
        return super().read(name)

    def infos(self, below: str = "") -> Iterator[FileInfo]:
        self._fail_once("infos")
        return super().infos(below)

    def child(self, name: str) -> Folder:
        return Flaky(self.path / name)

    def _fail_once(self, what: str) -> None:
        if what not in self.failed:
            self.failed.add(what)
            raise OSError(5, "the storage is away")


def test_reading_has_patience_too(tmp_path: Path) -> None:
    save(CheckpointStore(Folder(tmp_path)), saved(1), "weights")
    store = CheckpointStore(Flaky(tmp_path), patience=30.0)
    assert store.epochs(0) == [1]
    assert text_of(store, CheckpointRef(0, 1)) == "weights"
    assert {"read", "infos"} <= Flaky.failed


@given(data=st.data())
def test_whatever_happens_to_the_bytes_it_is_told(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A byte range of either file is changed or cut out, or the file is gone."""
    root = tmp_path_factory.mktemp("checkpoints")
    store = CheckpointStore(Folder(root))
    save(store, saved(1, x=0.25), "some weights")
    name = data.draw(st.sampled_from(["epoch.json", "parts/state"]))
    file = root / "00000" / "epoch-00001" / name
    whole = file.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, len(whole) - start))
    instead = data.draw(st.just(b"") | st.binary(min_size=length, max_size=length))
    damaged = whole[:start] + instead + whole[start + length :]
    if data.draw(st.integers(0, 9)) == 0:
        file.unlink()
    elif damaged == whole:
        return
    else:
        file.write_bytes(damaged)
    with (
        pytest.raises(DamagedCheckpointError, match="trial 0, epoch 1"),
        store.opened(CheckpointRef(0, 1)),
    ):
        pass


def test_loading_runs_no_code_from_a_checkpoint(tmp_path: Path) -> None:
    """A state that would run something when unpickled is refused by the models' own `load`."""
    import torch

    from tune_jobs.models.digits_cnn import DigitsCNN

    class Bomb:
        def __reduce__(self) -> tuple[Any, Mapping[str, Any] | tuple[Any, ...]]:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"epoch": 1, "network": Bomb()}, tmp_path / "state.pt")
    model = DigitsCNN(DigitsCNN.Config())
    with pytest.raises(Exception, match="weights_only"):
        model.load(tmp_path)
    assert not (tmp_path / "ran").exists()
