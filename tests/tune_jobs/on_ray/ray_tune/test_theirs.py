"""Ray Tune's own searchers and schedulers, as objects in a job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finished import run_job
from ray import tune
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
)
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter
from ray.tune.search import Searcher as RayTuneSearcher
from ray.tune.search.hyperopt import HyperOptSearch
from ray.tune.search.optuna import OptunaSearch
from ray.tune.stopper import (
    CombinedStopper,
    FunctionStopper,
    MaximumIterationStopper,
    NoopStopper,
    Stopper,
    TimeoutStopper,
    TrialPlateauStopper,
)
from runs import begun, falling, run_in_folder, simulated, tiny_job

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Known
from tune_jobs.experiment.trial import Status
from tune_jobs.on_ray import RayScheduler
from tune_jobs.on_ray.ray_tune.domains import convert, to_ray
from tune_jobs.search_algos.domains import Choice, Float, Int, Normal, SpaceError, is_json
from tune_jobs.simulation.simulate import Epoch, simulate

pytestmark = pytest.mark.usefixtures("ray_session")

STOPPERS = [
    MaximumIterationStopper(2),
    TrialPlateauStopper("plateau", num_results=2, grace_period=2),
    FunctionStopper(lambda trial_id, result: result["training_iteration"] >= 2),
    CombinedStopper(MaximumIterationStopper(2), NoopStopper()),
]


@pytest.mark.parametrize("stopper", STOPPERS, ids=lambda stopper: type(stopper).__name__)
def test_its_stoppers_end_trials(stopper: Stopper) -> None:
    def flat(config: Any, epoch: int) -> Epoch:
        return Epoch({**falling(config, epoch).metrics, "plateau": 1.0}, 1.0)

    job = tiny_job(scheduler="fifo", stop=stopper, num_samples=3)
    job.validate()
    run = begun(job)
    simulate(run.experiment, flat, 1, run.clock)
    assert [(trial.epoch, trial.status) for trial in run.trials] == [(2, Status.COMPLETED)] * 3


def test_a_stopper_of_the_run_ends_it() -> None:
    run = simulated(curve=falling, scheduler="fifo", stop=TimeoutStopper(0.0), num_samples=3)
    assert len(run.trials) <= 1
    assert run.experiment.state.draining


DOMAINS = [
    Float(0.1, 0.9),
    Float(1e-5, 1.0, log=True),
    Float(0.0, 1.0, step=0.25),
    Float(0.5, 1.0, step=0.2),
    Int(1, 5),
    Int(1, 5, log=True),
    Int(4, 16, step=4),
    Choice(["a", 1, None, [64, 64], (1, 2)]),
    Int(8, 64, log=True, step=8),
    Float(0.25, 1.0, log=True, step=0.25),
    Normal(1.0, 2.0),
    Normal(1.0, 2.0, step=0.5),
]


@pytest.mark.parametrize("domain", DOMAINS[:3] + DOMAINS[4:], ids=str)
def test_a_domain_comes_back_from_ray_as_it_was(domain: Any) -> None:
    assert convert("x", to_ray("x", domain)) == domain


def test_a_grid_beside_rays_is_refused() -> None:
    with pytest.raises(SpaceError, match="low must be a multiple of step"):
        to_ray("x", DOMAINS[3])


def test_rays_quantized_whole_numbers_are_multiples() -> None:
    assert convert("x", tune.qrandint(3, 30, 4)) == Int(4, 28, step=4)


def test_a_searcher_of_rays_keeps_to_constraints() -> None:
    run = simulated(
        curve=lambda config, epoch: falling({"x": config["low"]}, epoch),
        searcher=OptunaSearch(),
        space={"low": Float(0, 1), "high": Float(0, 1)},
        constraints=["low < high"],
        num_samples=15,
    )
    assert len(run.trials) == 15
    assert all(trial.config["low"] < trial.config["high"] for trial in run.trials)


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
@pytest.mark.parametrize("searcher", [HyperOptSearch(), OptunaSearch()], ids=["tpe", "optuna"])
def test_suggestions_are_plain_values_of_the_space(searcher: Any) -> None:
    space = {str(i): domain for i, domain in enumerate(DOMAINS[:8]) if i != 3}
    run = simulated(
        curve=lambda config, epoch: falling({"x": config["0"]}, epoch),
        searcher=searcher,
        space=space,
        num_samples=30,
    )
    assert len(run.trials) == 30
    job = tiny_job(space=space)
    for trial in run.trials:
        assert job.domains.contains(trial.config)
        assert is_json(trial.config)


class Diary(RayTuneSearcher):
    """Writes down what it is told. A copy writes into the same diary."""

    def __init__(self, heard: list[Any], answer: Any = None) -> None:
        super().__init__()
        self.heard = heard
        self.answer = answer

    def __deepcopy__(self, memo: Any) -> Diary:
        return Diary(self.heard, self.answer)

    def set_search_properties(self, metric: Any, mode: Any, config: Any, **spec: Any) -> bool:
        self.heard.append(("set", metric, mode, sorted(config)))
        return True

    def suggest(self, trial_id: str) -> Any:
        self.heard.append(("asked", trial_id))
        return self.answer(trial_id) if self.answer else {"x": int(trial_id) / 10}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        self.heard.append((trial_id, result["training_iteration"], result["loss"]))

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        self.heard.append((trial_id, "failed" if error else result["loss"]))


def test_a_searcher_is_told_what_is_new_once_and_in_losses() -> None:
    heard: list[Any] = []
    curve = {"0.0": 0.5, "0.1": float("nan"), "0.2": 0.7}
    run = simulated(
        curve=lambda config, epoch: falling({"x": 0}, epoch)._replace(
            metrics={"loss": curve[str(config["x"])] * epoch}
        ),
        searcher=Diary(heard),
        scheduler="fifo",
        mode="max",
        num_samples=3,
        max_epochs=2,
    )
    assert [trial.status for trial in run.trials] == [
        Status.COMPLETED,
        Status.STOPPED,
        Status.COMPLETED,
    ]
    assert heard == [
        ("set", "loss", "min", ["x"]),
        ("asked", "0"),
        *[("0", 1, -0.5), ("0", 2, -1.0), ("0", -1.0)],
        ("asked", "1"),
        ("1", "failed"),
        ("asked", "2"),
    ]


def test_starting_points_come_first_and_a_searcher_may_end_the_run() -> None:
    heard: list[Any] = []
    run = simulated(
        curve=falling,
        searcher=Diary(heard, lambda trial_id: {"x": 0.5} if trial_id == "1" else "FINISHED"),
        points_to_evaluate=[{"x": 0.25}],
        num_samples=5,
    )
    assert [trial.config["x"] for trial in run.trials] == [0.25, 0.5]
    assert ("asked", "0") not in heard


def test_every_build_has_a_copy() -> None:
    searcher, scheduler = OptunaSearch(seed=1), AsyncHyperBandScheduler(max_t=9)
    configs = []
    for _ in range(2):
        job = tiny_job(searcher=searcher, scheduler=scheduler)
        job.validate()
        run = simulated(curve=falling, searcher=searcher, scheduler=scheduler)
        configs.append([trial.config for trial in run.trials])
    assert configs[0] == configs[1]
    assert searcher._space is None
    assert scheduler.metric is None


def test_what_an_earlier_run_knew() -> None:
    known = [Known(config={"x": 0.5}, losses={1: 0.5}), Known(config={"x": 0.1}, losses={1: 0.1})]

    def first(searcher: Any) -> Any:
        return begun(tiny_job(searcher=searcher), known=known).experiment.next()

    searcher = OptunaSearch()
    assert first(searcher) is not None
    with pytest.raises(UserError, match="cannot learn from an earlier run; leave warm_start out"):
        first(HyperOptSearch())


def test_ashas_rungs_stop_trials() -> None:
    scheduler = AsyncHyperBandScheduler(max_t=9, grace_period=1, reduction_factor=3)
    run = simulated(curve=falling, scheduler=scheduler, num_samples=12)
    statuses = {trial.status for trial in run.trials}
    assert statuses == {Status.COMPLETED, Status.STOPPED}
    assert "AsyncHyperBandScheduler stops it at epoch" in max(t.note for t in run.trials)


def test_ashas_own_max_t_ends_trials_early() -> None:
    run = simulated(curve=falling, scheduler=AsyncHyperBandScheduler(max_t=4), num_samples=3)
    assert max(trial.epoch for trial in run.trials) == 4


def median(**options: Any) -> MedianStoppingRule:
    return MedianStoppingRule(
        time_attr="training_iteration", grace_period=1, min_samples_required=2, **options
    )


def test_the_median_rule_stops_trials() -> None:
    run = simulated(curve=falling, scheduler=median(), num_samples=12)
    assert {trial.status for trial in run.trials} == {Status.COMPLETED, Status.STOPPED}


def test_paused_trials_go_on_when_no_new_ones_come() -> None:
    run = simulated(curve=falling, scheduler=median(hard_stop=False), num_samples=12)
    assert {trial.status for trial in run.trials} == {Status.COMPLETED}
    names = [fact.fact for fact in run.facts]
    assert names.count("resumed") > 0
    assert names.index("resumed") > max(i for i, name in enumerate(names) if name == "suggested")


def test_fifo_stops_nobody_and_survives_failures() -> None:
    def curve(config: Any, epoch: int) -> Any:
        if config["x"] > 0.5:
            raise RuntimeError("too much")
        return falling(config, epoch)

    run = simulated(curve=curve, scheduler=FIFOScheduler(), num_samples=8)
    assert {trial.status for trial in run.trials} == {Status.COMPLETED, Status.FAILED}


class Meddler(FIFOScheduler):
    def on_trial_result(self, tune_controller: Any, trial: Any, result: Any) -> str:
        tune_controller.stop_trial(trial)
        return self.NOOP


SPACE = {"x": tune.uniform(0, 1)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scheduler": HyperBandScheduler()}, "scheduler='hyperband'"),
        ({"scheduler": RayScheduler("asha")}, "the scheduler in it, by its name"),
        (
            {"scheduler": PopulationBasedTraining(hyperparam_mutations=SPACE)},
            "scheduler='pbt'",
        ),
        ({"scheduler": MedianStoppingRule()}, "the job has time_attr='training_iteration'"),
        (
            {"scheduler": AsyncHyperBandScheduler(metric="loss", mode="min")},
            "the job must give them",
        ),
        ({"scheduler": OptunaSearch()}, "must be derived from ray.tune.schedulers"),
        ({"searcher": BasicVariantGenerator()}, "must be derived from ray.tune.search"),
        ({"searcher": FIFOScheduler()}, "must be derived from ray.tune.search"),
        ({"searcher": OptunaSearch(space=SPACE)}, "make it without one"),
        ({"searcher": ConcurrencyLimiter(OptunaSearch(), 2)}, "max_concurrent to the job"),
        ({"searcher": OptunaSearch(), "searcher_options": {"seed": 1}}, "to its constructor"),
        (
            {
                "searcher": OptunaSearch(),
                "space": {"k": Choice(["a", "b"]), "x": Float(0, 1, when={"k": "a"})},
            },
            "cannot search a space with conditions",
        ),
    ],
)
def test_what_cannot_work_is_told_before_the_start(fields: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny_job(**fields).search.validate()


def test_what_cannot_work_is_told_when_it_happens() -> None:
    with pytest.raises(UserError, match="needs 'stop_trial' of Ray's controller"):
        simulated(curve=falling, scheduler=Meddler())
    with pytest.raises(UserError, match="no config for trial 0 yet"):
        simulated(curve=falling, searcher=Diary([], lambda trial_id: None))


def test_their_names_stand_in_the_declaration(tmp_path: Path) -> None:
    job = tiny_job(searcher=Diary([]), scheduler=median())
    assert job.method == f"{__name__}:Diary × ray.tune:MedianStoppingRule"
    folder = run_in_folder(tmp_path / "run", job, falling)
    declared = json.loads(folder.declaration.read_text())
    assert declared["scheduler"] == "ray.tune:MedianStoppingRule"
    assert declared["searcher"] == "ray.tune:Diary", "an object, to be taken from the job's file"


def test_a_real_run(tmp_path: Path) -> None:
    job = tiny_job(
        searcher=HyperOptSearch(n_initial_points=3, random_state_seed=1),
        scheduler=AsyncHyperBandScheduler(max_t=9, reduction_factor=3),
        num_samples=8,
        max_concurrent=1,
    )
    state = run_job(tmp_path / "run", job).state
    assert len(state.trials) == 8
    assert state.tested is not None
    assert {trial.status for trial in state.trials.values()} == {Status.COMPLETED, Status.STOPPED}
