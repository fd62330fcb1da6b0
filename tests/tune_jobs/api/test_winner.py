"""What is made of the best models of a run: an ensemble, a training on all data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from runs import tiny_job
from trained import trained_run, trained_trees

from tune_jobs import Run, UserError
from tune_jobs.models.forest import Forest


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained_trees(tmp_path_factory.mktemp("runs") / "trees", trials=4, epochs=3)


def test_an_ensemble_is_no_worse_on_validation_than_the_best_alone(trees: Run) -> None:
    best, found = trees.best, trees.ensemble(5)
    assert best is not None
    assert found.single == (best.trial_id, best.epoch)
    assert found.single_value == pytest.approx(best.value)
    assert found.value < found.single_value, "different trees err on different digits"
    assert 1 < sum(found.members.values()) <= 5
    assert found.single_test == pytest.approx(best.test)
    assert found.test is not None
    assert found.test.keys() == {"test_loss", "test_accuracy"}
    alone = trees.ensemble(1)
    assert alone.members == {found.single: 1}
    assert alone.value == pytest.approx(best.value)
    written = json.loads((trees.folder.path / "ensemble.json").read_text())
    assert written["value"] == pytest.approx(alone.value)


@pytest.mark.parametrize("file", ["epoch.json", "state.json"])
def test_an_ensemble_leaves_a_damaged_checkpoint_out(trees: Run, file: str) -> None:
    victim = trees.folder.path / "checkpoints" / "00003" / "epoch-00001" / file
    content = victim.read_bytes()
    victim.write_text("{}")
    found = trees.ensemble(2)
    victim.write_bytes(content)
    assert ["trial 3, epoch 1 is damaged" in why for why in found.left_out] == [True]


def test_a_model_without_predictions_is_told_what_it_needs(tmp_path: Path) -> None:
    run = trained_run(tmp_path / "run", tiny_job(num_samples=1, max_epochs=1, scheduler="fifo"))
    with pytest.raises(UserError, match=r"Tiny.*predictions\(split\)"):
        run.ensemble()
    with pytest.raises(UserError, match=r"Tiny.*has no fold"):
        run.retrain()


def test_a_retrained_model_has_seen_the_validation_data_too(
    trees: Run, tmp_path: Path, tune_jobs: Any
) -> None:
    code, out, _ = tune_jobs(
        "retrain", trees.where, "--seeds", 3, "--export", tmp_path / "out", "--storage", "."
    )
    assert code == 0
    assert "3 seeds" in out
    written = json.loads((trees.folder.path / "retrained.json").read_text())
    losses = [metrics["test_loss"] for metrics in written["seeds"].values()]
    assert list(written["seeds"]) == ["0", "1", "2"]
    assert len(set(losses)) == 3, "the seeds differ"
    assert written["mean"]["test_loss"] == pytest.approx(sum(losses) / 3)
    recorded = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert recorded["test"] == written["seeds"]["0"]
    assert "3 seeds" in (tmp_path / "out" / "README.md").read_text()
    assert "model.skops" in {path.name for path in (tmp_path / "out").iterdir()}


def test_all_data_are_more_than_the_training_data() -> None:
    from tune_jobs.models.data import Fold

    some, whole = Forest(Forest.Config()), Forest(Forest.Config(fold=Fold(0, 1)))
    assert len(whole._rows("train").y) == len(some._rows("train").y) + len(
        some._rows("validation").y
    )
