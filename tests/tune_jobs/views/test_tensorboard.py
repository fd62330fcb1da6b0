"""What TensorBoard finds of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from runs import begun, falling, reported, simulated, state_of, tiny_job
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2 as api
from tensorboard.plugins.hparams import metadata

from tune_jobs.experiment.facts import Fact, Reported
from tune_jobs.experiment.state import RunState
from tune_jobs.experiment.trial import Status
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.search_algos.domains import Choice, Float, Int
from tune_jobs.simulation.simulate import Epoch, simulate
from tune_jobs.views.tensorboard import TensorBoard

SPACE = {
    "optimizer": Choice(["sgd", "adam"]),
    "momentum": Float(0.5, 0.9, when={"optimizer": "sgd"}),
    "beta": Float(1e-4, 1e-2, log=True, when={"optimizer": "adam"}),
    "layers": Choice([1, 2]),
    "nesterov": Choice([True, False], when={"optimizer": "sgd"}),
    "steps": Int(1, 9),
    "amsgrad": Choice([True, False]),
}


def score(config: Mapping[str, Any], epoch: int) -> Epoch:
    if config["optimizer"] == "adam" and config["steps"] == 9:
        raise RuntimeError("no memory")
    return Epoch({"other": 2.0 * epoch, "score": config["layers"] + epoch / 9}, 1.0)


def scored_job(**fields: Any) -> TuneJob:
    return tiny_job(space=SPACE, metric="score", mode="max", max_failures=0, **fields)


def board_of(folder: Path, job: TuneJob) -> tuple[RunState, list[Fact]]:
    facts: list[Fact] = []
    board = TensorBoard(folder, job.domains)
    experiment = job.build_experiment()
    experiment.start(lambda f: facts.append(f) or f, board.on_fact)
    simulate(experiment, score, 2)
    board.close()
    return experiment.state, facts


def events_of(folder: Path, trial_id: int) -> EventAccumulator:
    (found,) = folder.glob(f"{trial_id:05d}*")
    return EventAccumulator(str(found)).Reload()


def hparams_of(events: EventAccumulator, tag: str) -> Any:
    content = events.SummaryMetadata(tag).plugin_data.content
    return metadata._parse_plugin_data_as(content, tag.rpartition("/")[2])


def test_every_metric_of_every_epoch_is_there(tmp_path: Path) -> None:
    state, _ = board_of(tmp_path, scored_job())
    for trial in state.trials.values():
        events = events_of(tmp_path, trial.trial_id)
        others = [(event.step, event.value) for event in events.Scalars("other")]
        assert others == [(epoch, 2.0 * epoch) for epoch in range(1, trial.epoch + 1)]
        standing = {
            name: events.Scalars(f"trial/{name}")[-1].value
            for name in ("best", "epochs", "status", "seconds")
        }
        assert standing["best"] == pytest.approx(-trial.best_loss)
        assert (standing["epochs"], standing["seconds"]) == (trial.epoch, trial.seconds)
        assert standing["status"] == (1.0 if trial.status is Status.COMPLETED else 0.0)
    assert state.incumbent
    tested = events_of(tmp_path, state.incumbent.trial_id).Scalars("test/score")
    assert [event.step for event in tested] == [state.incumbent.epoch]


def test_a_trial_without_a_hyperparameter_has_a_value_that_says_so(tmp_path: Path) -> None:
    state, _ = board_of(tmp_path, scored_job(num_samples=30, scheduler="fifo", max_epochs=2))
    for trial in state.trials.values():
        events = events_of(tmp_path, trial.trial_id)
        shown = hparams_of(events, "_hparams_/session_start_info").hparams
        assert shown.keys() == SPACE.keys(), "parallel coordinates leave out what is not whole"
        kinds = {name: value.WhichOneof("kind") for name, value in shown.items()}
        assert kinds == {
            "optimizer": "string_value",
            "momentum": "number_value",
            "beta": "number_value",
            "layers": "number_value",
            "nesterov": "string_value",
            "steps": "number_value",
            "amsgrad": "bool_value",
        }
        if trial.config["optimizer"] == "adam":
            assert shown["momentum"].number_value == pytest.approx(0.46)
            assert shown["nesterov"].string_value == "-"
        else:
            assert shown["beta"].number_value == pytest.approx(10**-4.2)
            assert shown["nesterov"].string_value == str(trial.config["nesterov"])


def test_the_columns_have_types_and_the_objective_comes_first(tmp_path: Path) -> None:
    board_of(tmp_path, scored_job())
    events = EventAccumulator(str(tmp_path)).Reload()
    found = hparams_of(events, "_hparams_/experiment")
    types = {info.name: info.type for info in found.hparam_infos}
    assert list(types) == list(SPACE)
    assert (types["layers"], types["nesterov"], types["amsgrad"]) == (
        *(api.DATA_TYPE_FLOAT64, api.DATA_TYPE_STRING, api.DATA_TYPE_BOOL),
    )
    names = {info.name: info.display_name for info in found.hparam_infos}
    assert names["momentum"] == "momentum (0.46: none)"
    titles = [info.display_name.partition(" ")[0] for info in found.metric_infos]
    assert titles == [
        *("best_score", "score", "epochs", "status", "seconds"),
        *("other", "test_other", "test_score"),
    ], "what one trial alone has is not among the five that are shown at first"


def test_how_a_trial_ended_is_there(tmp_path: Path) -> None:
    state, _ = board_of(tmp_path, scored_job(num_samples=30, scheduler="fifo", max_epochs=2))
    assert state.counts[Status.FAILED]
    for trial in state.trials.values():
        end = hparams_of(events_of(tmp_path, trial.trial_id), "_hparams_/session_end_info")
        failed = trial.status is Status.FAILED
        assert end.status == (api.STATUS_FAILURE if failed else api.STATUS_SUCCESS)


def test_a_folder_is_named_after_its_trial(tmp_path: Path) -> None:
    run = begun(
        tiny_job(
            space={"x": Float(0, 1), "text": Choice(["../[a]/\n"]), "long": Choice(["x" * 90])}
        )
    )
    board = TensorBoard(tmp_path, {})
    run.experiment.next()
    run.experiment.report(reported(0, 1, {"loss": 0.25}))
    board.on_fact(run.facts[-1], run.experiment.state)
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    x = run.experiment.state.trials[0].config["x"]
    assert folder.name == f"00000 x={x:.4g} text=..__a___n", "whole values, safe in a path"


def test_a_clone_keeps_the_folder_that_it_had(tmp_path: Path) -> None:
    job = tiny_job(scheduler="odd_schedulers:Copier", num_samples=4)
    board = TensorBoard(tmp_path, job.domains)
    experiment = job.build_experiment()
    experiment.start(lambda fact: fact, board.on_fact)
    simulate(experiment, falling, 1)
    assert all(trial.lineage for trial in experiment.state.trials.values() if trial.trial_id)
    for trial_id in range(4):
        events = events_of(tmp_path, trial_id)
        assert [event.step for event in events.Scalars("loss")] == list(range(1, 10))


def test_what_happened_can_be_seen_at_once(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, {})
    run = begun(tiny_job(scheduler="fifo"))
    run.experiment.next()
    run.experiment.report(reported(0, 1, {"loss": 0.25}))
    board.on_fact(run.facts[-1], run.experiment.state)
    assert [event.value for event in events_of(tmp_path, 0).Scalars("loss")] == [0.25]


def test_a_new_driver_writes_what_the_dead_one_had_not_yet_written(tmp_path: Path) -> None:
    run = simulated(scheduler="fifo", curve=falling, num_samples=3)
    whole = [n for n, fact in enumerate(run.facts) if isinstance(fact, Reported)]
    cut = run.facts[: whole[-5]]  # in the middle of trial 2
    job = tiny_job(scheduler="fifo", num_samples=3)
    board, state = TensorBoard(tmp_path, job.domains), state_of(job, [])
    for fact in cut[:-2]:  # the power went, and two facts with it
        state.apply(fact)
        board.on_fact(fact, state)
    board.close()
    (tmp_path / "00001 x=of an older version").mkdir()
    another = TensorBoard(tmp_path, job.domains)
    another.take_over(cut, state_of(job, cut))
    another.close()
    for trial_id in range(3):
        reports = [fact for fact in cut if isinstance(fact, Reported)]
        steps = [fact.epoch for fact in reports if fact.trial_id == trial_id]
        events = events_of(tmp_path, trial_id)
        assert [event.step for event in events.Scalars("loss")] == steps


def test_a_metric_that_is_no_number_is_none(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, {})
    run = begun(tiny_job(scheduler="fifo"))
    run.experiment.next()
    run.experiment.report(reported(0, 1, {"loss": math.nan, "\ud800[/x]": math.inf}))
    board.on_fact(run.facts[-1], run.experiment.state)
    assert math.isnan(events_of(tmp_path, 0).Scalars("loss")[0].value)
