"""What a run cost, as its facts say."""

from __future__ import annotations

from runs import reported, state_of, tiny_job

from tune_jobs.experiment.cost import Resources, Usage
from tune_jobs.experiment.facts import VERSION, Failed, Opened, RunResumed, Suggested, Warned
from tune_jobs.views import texts

HALF_A_GPU = Resources(cpus=8, gpus=2, trial_cpus=1, trial_gpus=0.5)
A_GPU = Resources(cpus=8, gpus=2, trial_cpus=1, trial_gpus=1)


def test_it_is_the_sum_over_trials_and_drivers() -> None:
    small = Usage(cpu_seconds=30, memory_bytes=100_000_000)
    large = Usage(cpu_seconds=40, memory_bytes=300_000_000, trained_again=2)
    state = state_of(
        tiny_job(),
        [
            Opened(version=VERSION, resources=HALF_A_GPU),
            Suggested(trial_id=0, config={"x": 0.1}),
            Suggested(trial_id=1, config={"x": 0.2}),
            reported(0, 1, {"loss": 1.0}, seconds=10, usage=small),
            Failed(trial_id=1, error="no luck", retry=True),
            reported(1, 1, {"loss": 1.0}, seconds=10, usage=large),
            RunResumed(num_samples=10, max_epochs=9, resources=A_GPU),
            reported(0, 2, {"loss": 0.5}, seconds=10, usage=small),
            Warned(text="careful"),
        ],
    )
    first, second = state.trials.values()
    assert (first.cost.seconds, first.cost.cpu_seconds, first.cost.gpu_seconds) == (20, 60, 15)
    assert (second.cost.memory_bytes, second.cost.trained_again) == (300_000_000, 2)
    assert (state.cost.cpu_seconds, state.cost.gpu_seconds) == (100, 20)
    assert texts.cost(state) == (
        "1:40 of CPU, 0:20 of GPU, up to 300.0 MB a trial, 2 epochs trained again, 1 failure, "
        "1 warning"
    )


def test_a_journal_of_before_says_only_what_went_wrong() -> None:
    facts = [
        Opened(version=VERSION),
        Suggested(trial_id=0, config={"x": 0.1}),
        reported(0, 1, {"loss": 1.0}, seconds=10),
    ]
    state = state_of(tiny_job(), facts)
    assert texts.cost(state) == ""
    assert state.cost.seconds == 10
    state.apply(Failed(trial_id=0, error="no luck", retry=True))
    assert texts.cost(state) == "1 failure"
