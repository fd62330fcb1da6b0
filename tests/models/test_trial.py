"""What a model and a training function know of their trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runs import tiny_job
from tiny_model import Tiny

import tune_jobs
from tune_jobs.job.building import Builder
from tune_jobs.models.base import Metrics, TrainingError
from tune_jobs.models.trial import Trial
from tune_jobs.runs.artifacts import trial_of
from tune_jobs.storage import open_place


class Writer(Tiny):
    """Writes a line for every epoch into the folder of its trial."""

    def __init__(self, config: Tiny.Config) -> None:
        super().__init__(config)
        (self.trial.folder / "begun").touch()

    def train_epoch(self) -> Metrics:
        with (self.trial.folder / "epochs").open("a") as file:
            file.write(f"{self.trial.number} {self.trial.epoch}\n")
        return super().train_epoch()


class Careless(Tiny):
    def __init__(self, config: Tiny.Config) -> None:
        self.config, self.epoch, self.progress = config, 0, 0.0


def train(config: Any) -> Any:
    for _ in range(config.max_epochs):
        now = tune_jobs.trial()
        with (now.folder / "epochs").open("a") as file:
            file.write(f"{now.number} {now.epoch}\n")
        yield {"loss": 1.0}


def trained(folder: Path, epochs: int = 2, start: int = 0, **fields: Any) -> None:
    """A trial 7 that went on from ``start``."""
    builder = Builder.of(tiny_job(**{"model": Writer, **fields}))
    trial = trial_of(open_place(str(folder)), 7, start)
    model = builder.build(builder.config({"x": 0.5}), trial)
    for epoch in range(start + 1, start + epochs + 1):
        builder.train_epoch(model, epoch)
    model.close()


@pytest.mark.parametrize("model", [Writer, train])
def test_the_files_of_a_trial_are_in_its_folder(tmp_path: Path, model: Any) -> None:
    trained(tmp_path, model=model)
    assert (tmp_path / "artifacts" / "00007" / "epochs").read_text() == "7 1\n7 2\n"
    assert tune_jobs.trial().number == 0, "it is over"


def test_a_trial_that_starts_again_adds_to_them(tmp_path: Path) -> None:
    trained(tmp_path)
    trained(tmp_path, start=2)
    assert (tmp_path / "artifacts" / "00007" / "epochs").read_text() == "7 1\n7 2\n7 3\n7 4\n"


def test_a_trial_without_files_has_no_folder(tmp_path: Path) -> None:
    trained(tmp_path, model=Careless)
    assert not list(tmp_path.iterdir())


def test_a_model_outside_of_a_run_has_a_folder_for_its_time() -> None:
    model = Writer(Tiny.Config())
    model.train_epoch()
    folder = model.trial.folder
    assert (folder / "epochs").read_text() == "0 0\n"
    del model
    assert not folder.exists()
    assert isinstance(tune_jobs.trial(), Trial)


def test_a_run_in_a_bucket_has_no_such_folders() -> None:
    trial = trial_of(open_place("s3://bucket/run"), 7)
    assert trial.number == 7
    with pytest.raises(TrainingError, match=r"s3://bucket/run/artifacts/?, and in a bucket"):
        _ = trial.folder
