"""The study, the figures and the report of a run."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from optuna.trial import TrialState
from runs import falling, run_in_folder, simulated, tiny_job

from tune_jobs.api.run import Run
from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Closed, Failed, Reported, Warned
from tune_jobs.experiment.trial import Status
from tune_jobs.job.origin import Origin
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.journal import Journal, read_past
from tune_jobs.search_algos.domains import Choice, Float, Int, Normal
from tune_jobs.simulation.simulate import Epoch
from tune_jobs.views.pages import figures
from tune_jobs.views.pages.compare import compared
from tune_jobs.views.pages.dashboard import LiveRun, server
from tune_jobs.views.pages.hyperparameters import Compared
from tune_jobs.views.pages.record import Record, rungs
from tune_jobs.views.pages.report import write_report
from tune_jobs.views.pages.study import compared_epoch, study

SPACE = {
    "x": Float(1e-3, 1, log=True),
    "kind": Choice(["a", ["b"], None]),
    "depth": Int(1, 9, when={"kind": "a"}),
    "shift": Normal(0, 1),
    "fixed": "as it is",
}


def curve(config: Any, epoch: int) -> Epoch:
    loss = config["x"] + 1 / epoch + (config.get("depth") or 0) / 100
    return Epoch({"loss": loss, "accuracy": 1 - loss}, 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    job = tiny_job(space=SPACE, num_samples=40, max_epochs=9, model="nested_model:Nested")
    return run_in_folder(tmp_path_factory.mktemp("runs") / "first", job, curve)


def reopened(folder: RunFolder, *facts: Any) -> RunFolder:
    """With more facts at the end."""
    journal = Journal(folder.journal, read_past(folder.journal))
    for fact in facts:
        journal.append(fact)
    journal.close()
    return folder


def figures_in(page: str) -> dict[str, Any]:
    found = re.search(r'id="figures">(.*?)</script>', page)
    assert found
    drawn: dict[str, Any] = json.loads(found[1])
    return drawn


def test_a_study_has_the_trials_as_they_were(folder: RunFolder) -> None:
    record = Record.read(folder)
    found = study(record)
    assert len(found.trials) == len(record.state.trials) == 40
    assert record.state.incumbent
    assert found.best_trial.number == record.state.incumbent.trial_id
    assert found.best_value == record.state.incumbent.loss
    for frozen, trial in zip(found.trials, record.state.trials.values(), strict=True):
        stopped = trial.status is Status.STOPPED
        assert frozen.state is (TrialState.PRUNED if stopped else TrialState.COMPLETE)
        assert frozen.params == {
            name: "['b']" if value == ["b"] else value for name, value in trial.config.items()
        }
        assert sorted(frozen.intermediate_values) == list(range(1, trial.epoch + 1))
        assert frozen.user_attrs["status"] == trial.status.value


def test_trials_are_compared_after_the_same_training(folder: RunFolder) -> None:
    record = Record.read(folder)
    epoch = compared_epoch(record)
    assert epoch == 1  # 20 trials did not get as far as the next rung
    compared = study(record, at_epoch=epoch).trials
    assert len(compared) == 40
    assert all(trial.state is TrialState.COMPLETE for trial in compared)
    assert all(
        trial.value == record.curves[trial.user_attrs["trial"]][0].metrics["loss"]
        for trial in compared
    )


def test_the_config_of_a_report_is_the_one_it_was_trained_with() -> None:
    run = simulated(
        scheduler="pbt",
        options={"perturbation_interval": 2},
        curve=falling,
        workers=4,
        num_samples=4,
    )
    record = Record.of("pbt", as_declared(tiny_job()), run.facts)
    assert any(trial.lineage for trial in record.state.trials.values())
    for points in record.curves.values():
        for point in points:
            assert point.metrics["loss"] == point.config["x"] + 1 / point.epoch
    assert len(study(record).trials) == 4


def as_declared(job: Any) -> dict[str, Any]:
    names = ("name", "metric", "mode", "num_samples", "max_epochs", "seed")
    return {**{name: getattr(job, name) for name in names}, "constants": {}}


def test_importance_tells_what_matters_of_what_does_not(folder: RunFolder) -> None:
    shares = Compared(Record.read(folder)).importances
    assert max(shares, key=lambda name: shares[name]) == "x"
    assert shares["x"] > 0.7


def test_figures_show_what_the_run_did(folder: RunFolder) -> None:
    record = Record.read(folder)
    steps = figures.incumbent_over_epochs(record).data[0]
    assert list(steps.y) == sorted(steps.y, reverse=True)
    assert steps.x[-1] == record.state.epochs_total
    ends = {trace.name: trace for trace in figures.learning_curves(record).data if trace.text}
    assert len(ends["stopped"].x) == record.state.counts[Status.STOPPED]
    assert set(ends["stopped"].x) <= set(rungs(record))


def test_a_run_gives_its_figures_in_a_notebook(folder: RunFolder) -> None:
    plot = Run.open(folder.path).plot
    assert plot.incumbent(over="time").data
    assert len(plot.parallel_coordinates().data[0].dimensions) == 5
    for figure in (plot.learning_curves(), plot.importance(), plot.slice(), plot.contour()):
        assert figure.data


@pytest.mark.filterwarnings("error::UserWarning")
def test_there_is_no_contour_of_what_no_trial_has_together(tmp_path: Path) -> None:
    space = {
        "kind": Choice(["a", "b"]),
        "x": Float(0, 1, when={"kind": "a"}),
        "y": Float(0, 1, when={"kind": "b"}),
    }

    def apart(config: Any, epoch: int) -> Epoch:
        return Epoch({"loss": config.get("x", 0.5)}, 1.0)

    job = tiny_job(space=space, scheduler="fifo", num_samples=12)
    folder = run_in_folder(tmp_path / "apart", job, apart)
    with pytest.raises(UserError, match="two numbers among the hyperparameters of one trial"):
        Run.open(folder.path).plot.contour()
    assert "No contour: " in write_report(folder).read_text()


def test_a_report_holds_what_a_reader_looks_for(folder: RunFolder) -> None:
    page = write_report(folder).read_text()
    best = Record.read(folder).state.incumbent
    assert best
    assert f"<b>{best.trial_id}</b><span>trial</span>" in page
    for heading in ("Best configuration", "Learning curves", "Hyperparameters", "Rungs"):
        assert f"<h2>{heading}</h2>" in page
    assert len(figures_in(page)) == 8
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "it opens offline"
    assert len(page) < 5e6


def test_the_report_of_a_run_that_went_wrong_tells_it(tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "first", tiny_job(), falling)
    facts = read_past(folder.journal).facts  # type: ignore[union-attr]
    last = max(fact.trial_id for fact in facts if isinstance(fact, Reported))
    error = 'Traceback\n  File "a.py", line 1, in f\nValueError: <script>alert(1)</script>'
    reopened(folder, Failed(trial_id=last, error=error, retry=False), Warned(text="<b>disk</b>"))
    reopened(folder, Closed(status="failed", reason="every trial <i>fails</i>"))
    page = write_report(folder).read_text()
    assert "ValueError: &lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "warning: &lt;b&gt;disk&lt;/b&gt;" in page
    assert "every trial &lt;i&gt;fails&lt;/i&gt;" in page


def test_a_run_without_any_result_has_a_report(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "first")
    folder.create(tiny_job(), {}, Origin())
    page = write_report(folder).read_text()
    assert "Not complete" in page
    assert "No trial has reported loss" in page


@pytest.mark.parametrize("broken", ["job.json", "journal.jsonl", "half a journal"])
def test_a_damaged_folder_gives_what_can_be_shown(
    broken: str, tmp_path: Path, tune_jobs: Any
) -> None:
    folder = run_in_folder(tmp_path / "storage" / "first", tiny_job(), falling)
    if broken == "half a journal":
        lines = folder.journal.read_bytes().splitlines(keepends=True)
        folder.journal.write_bytes(b"".join([*lines[:20], b"garbage\n", *lines[20:]]))
    else:
        (folder.path / broken).unlink()
    code, out, _ = tune_jobs("report", "first")
    assert (code, out.strip().rpartition("/")[2]) == (0, "report.html")
    page = (folder.path / "report.html").read_text()
    assert "Not complete" in page
    assert ("<b>" in page) == (broken != "journal.jsonl"), "the best value, as far as is known"


def test_a_folder_that_is_no_run_is_told(tmp_path: Path, tune_jobs: Any) -> None:
    (tmp_path / "storage" / "empty").mkdir(parents=True)
    code, _, said = tune_jobs("report", "empty")
    assert code == 2
    assert "is not a run" in said


def test_too_few_trials_say_so(tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "first", tiny_job(num_samples=2), falling)
    with pytest.raises(UserError, match="2 trials that can be compared"):
        Run.open(folder.path).plot.importance()
    assert "2 trials that can be compared" in write_report(folder).read_text()


def test_runs_are_compared_at_equal_epochs(tmp_path: Path, tune_jobs: Any) -> None:
    storage = tmp_path / "storage"
    run_in_folder(storage / "short", tiny_job(scheduler="asha"), falling)
    long = run_in_folder(storage / "long", tiny_job(scheduler="fifo", seed=1), falling)
    page = tmp_path / "both.html"
    code, out, _ = tune_jobs("compare", "short", "long", "--page", str(page))
    assert code == 0
    record = Record.read(long)
    fewest = Record.read(RunFolder(storage / "short")).state.epochs_total
    assert fewest < record.state.epochs_total
    titles, rows = compared([Record.read(RunFolder(storage / "short")), record])
    assert f"after {fewest} epochs" in titles
    assert [row[titles.index("model")] for row in rows] == ["tiny_model:Tiny"] * 2
    within = [step.value for step in record.steps if step.epochs <= fewest]
    assert rows[1][titles.index(f"after {fewest} epochs")] == min(within)
    assert "short" in out
    assert len(figures_in(page.read_text())) == 7
    run_in_folder(storage / "other", tiny_job(metric="other"), falling)
    code, _, said = tune_jobs("compare", "short", "other")
    assert code == 2
    assert "metric 'other'" in said
    assert tune_jobs("compare", "short")[0] == 2


def test_the_dashboard_follows_a_run(tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "first", tiny_job(), falling)
    whole = folder.journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    live = LiveRun(folder, 3)
    early = [trial for trial in live.trials() if trial.state.is_finished()]
    folder.journal.write_bytes(whole)
    live._looked = -math.inf
    trials = live.trials()
    assert len(early) < len(trials) == 10
    assert all(trial.state.is_finished() for trial in trials)
    assert live.record.facts == Record.read(folder).facts
    folder.journal.write_bytes(b"".join(lines[:5]))  # as after --truncate-at
    live._looked = -math.inf
    assert len(live.trials()) < 5


def test_the_dashboard_shows_and_changes_nothing(tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "first", tiny_job(), falling)
    (tmp_path / "broken").mkdir()
    before = folder.journal.read_bytes()
    broken = RunFolder(tmp_path / "broken")
    with serving(lambda: [broken, folder]) as address:
        (shown,) = json.load(urlopen(f"{address}/api/studies"))["study_summaries"]
        assert (shown["study_name"], shown["directions"]) == ("first", ["minimize"])
        detail = json.load(urlopen(f"{address}/api/studies/{shown['study_id']}"))
        best = Record.read(folder).state.incumbent
        assert best
        assert len(detail["trials"]) == 10
        assert [trial["number"] for trial in detail["best_trials"]] == [best.trial_id]
        for method in ("DELETE", "POST"):
            asked = Request(f"{address}/api/studies/0", method=method)
            with pytest.raises(HTTPError, match="403"):
                urlopen(asked)
    assert folder.journal.read_bytes() == before


@contextmanager
def serving(folders: Any) -> Iterator[str]:
    with server(folders, 0) as found:
        assert found.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_a_port_in_use_is_told() -> None:
    with server(list, 0) as first, pytest.raises(UserError, match="--port 0"):
        server(list, first.server_port)
