"""A searcher that takes long thinks while trials report."""

from __future__ import annotations

from threading import Event

from runs import reported, tiny_job

from tune_jobs.experiment.assignments import Train
from tune_jobs.experiment.suggest import NOT_YET, AtOnce, InBackground
from tune_jobs.search_algos.base import Searcher
from tune_jobs.search_algos.history import History
from tune_jobs.search_algos.space import Config, Space
from tune_jobs.search_algos.starting_points import StartingPoints


class Thinker(Searcher):
    """Answers when it is allowed to, with what it was shown."""

    takes_long = True
    may_repeat = True

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self.may_answer, self.is_prepared = Event(), Event()

    def prepare(self) -> None:
        self.is_prepared.set()

    def suggest(self, index: int, history: History) -> Config | None:
        if len(history):
            assert self.may_answer.wait(timeout=60)
        return {"x": len(history.learning_set(1).observed) / 10}


def test_reports_are_taken_while_the_searcher_thinks() -> None:
    thinker = Thinker(tiny_job().domains, 0)
    suggest = InBackground(thinker)
    history = History(thinker.space)
    assert suggest(0, history, alone=True) == {"x": 0.0}
    history.suggested(0, {"x": 0.0})
    assert suggest(1, history, alone=False) is NOT_YET
    history.reported(0, 1, 0.5)
    assert suggest(1, history, alone=False) is NOT_YET, "still the same question"
    thinker.may_answer.set()
    assert suggest(1, history, alone=True) == {"x": 0.0}, "of the moment when it was asked"
    assert suggest(2, history, alone=True) == {"x": 0.1}


def test_a_searcher_prepares_before_it_is_asked() -> None:
    thinker = Thinker(tiny_job().domains, 0)
    InBackground(StartingPoints([{"x": 0.5}], thinker))
    assert thinker.is_prepared.wait(timeout=60)


def test_an_experiment_goes_on_meanwhile_and_does_not_end() -> None:
    job = tiny_job(searcher=Thinker, scheduler="fifo", num_samples=2, max_epochs=3)
    experiment = job.build_experiment(in_background=True)
    assert isinstance(experiment.next(), Train)
    for epoch in (1, 2, 3):
        assert experiment.next() is None, "no second trial yet, and no test"
        experiment.report(reported(0, epoch, {"loss": 1.0 / epoch}))
    assert not experiment.finished
    assert experiment.state.trials[0].epoch == 3


def test_quick_searchers_are_asked_at_once() -> None:
    job = tiny_job(searcher="random")
    experiment = job.build_experiment(in_background=True)
    assert isinstance(experiment._method._suggest, AtOnce)
