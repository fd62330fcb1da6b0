"""A nested, constrained space on real Ray, from the declaration to the best model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nested_model import Nested, Trainer

from tune_jobs import Choice, Float, Int, Run, TuneJob, run

SPACE: dict[str, Any] = {
    "trainer": {"lr": Float(0.0, 1.0), "name": "adam"},
    "options": {"depth": Int(0, 3), "tags": ("a", "b")},
    "kernel": Choice([(3, 3), (5, 5)]),
    "layers": 2,
}


def test_the_model_gets_what_was_declared_and_so_does_a_resume(
    tmp_path: Path, ray_session: None
) -> None:
    job = TuneJob(
        name="nested",
        model=Nested,
        space=SPACE,
        constraints=["trainer.lr < 0.5 or options.depth > 1", "layers * options.depth <= 4"],
        points_to_evaluate=[{"trainer.lr": 0.25, "kernel": [5, 5]}],
        metric="loss",
        mode="min",
        searcher="random",
        scheduler="pbt",
        scheduler_options={"perturbation_interval": 1, "perturb": ["trainer.lr", "options.depth"]},
        num_samples=4,
        max_epochs=3,
    )
    job.validate()
    first = run(job, name="nested", storage=str(tmp_path))
    assert [trial.status.value for trial in first.state.trials.values()] == ["completed"] * 4
    again = Run.open("nested", storage=str(tmp_path)).resume(samples="+2")
    configs = [trial.config for trial in again.state.trials.values()]
    assert len(configs) == 6
    assert all(job.domains.contains(config) for config in configs)
    assert {type(config["kernel"]) for config in configs} == {tuple}
    assert again.job.space == job.space
    assert again.best is not None
    best = again.best.load()
    assert isinstance(best, Nested)
    assert best.config.trainer == Trainer(again.best.config["trainer.lr"], "adam", 64)
    assert best.config.options["tags"] == ("a", "b")
    assert best.evaluate()["loss"] == again.best.value
    assert (
        json.loads((tmp_path / "nested" / "summary.json").read_text())["best"]["config"][
            "trainer.name"
        ]
        == "adam"
    )
