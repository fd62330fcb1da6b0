"""The table of trials in `tune-jobs status RUN`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from runs import run_in_folder, simulated, tiny_job

from tune_jobs.cli.trials import trials_shown
from tune_jobs.errors import UserError
from tune_jobs.search_algos.domains import Choice, Float
from tune_jobs.simulation.simulate import Epoch

SPACE = {f"a_long_name_{n}": Float(0, 1) for n in range(6)} | {"kind": Choice(["[/a]", "b"])}


def noisy(config: Mapping[str, Any], epoch: int) -> Epoch:
    if config["a_long_name_0"] > 0.8:
        raise RuntimeError("a long story\nof what went wrong: " + "because " * 40)
    return Epoch({"loss": config["a_long_name_1"] + 1 / epoch, "other": float("nan")}, 1.0)


def shown(width: int, **options: Any) -> list[str]:
    run = simulated(curve=noisy, space=SPACE, num_samples=30, max_failures=0, mode="max")
    console = Console(width=width, force_terminal=True, color_system=None, markup=False)
    with console.capture() as capture:
        given = {"top": 20, "sort": None, **options}
        for part in trials_shown(run.experiment.state, room=width, **given):
            console.print(part)
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200, 100_000])
def test_it_fits_and_a_trial_has_one_line(width: int) -> None:
    lines = shown(width)
    assert all(cell_len(line) <= width for line in lines)
    start = next(n for n, line in enumerate(lines) if "trial" in line) + 1
    rows = lines[start : start + 20]
    assert all(row[3:].split()[0].isdecimal() for row in rows)
    rest = " ".join(" ".join(lines[start + 20 :]).split())
    assert "10 more trials: --top 30 shows all" in rest
    for name in SPACE:
        title = name if width > 1000 else name.partition("_")[0]
        assert title in " ".join(lines[:start]) or name in rest, "shown or named"


def test_the_best_comes_first_and_is_marked() -> None:
    lines = shown(200, top=30)
    marked = [line for line in lines if line.startswith("*")]
    assert marked == [lines[2]], "below the two lines of titles"
    failed = [" failed " in line for line in lines[2:]]
    assert failed == sorted(failed), "what has no value comes last"
    numbers = [float(line[3:].split()[3]) for line in lines[2:] if " failed " not in line]
    assert numbers == sorted(numbers, reverse=True)


def test_another_column_can_be_the_first_criterion() -> None:
    lines = shown(100_000, sort="a_long_name_2", top=30)
    column = lines[0].index("a_long_name_2")
    numbers = [float(line[column:].split()[0]) for line in lines[1:]]
    assert numbers == sorted(numbers)
    with pytest.raises(UserError, match=r"'a_long_nam_2', .* did you mean 'a_long_name_"):
        shown(80, sort="a_long_nam_2")


def test_programs_get_json(tune_jobs: Any, tmp_path: Path) -> None:
    job = tiny_job(space=SPACE, num_samples=30, max_failures=0)
    run_in_folder(tmp_path / "storage" / "one", job, noisy)
    code, out, _ = tune_jobs("status", "one", "--json")
    assert code == 0
    found = json.loads(out, parse_constant=pytest.fail)  # no NaN, which JSON does not have
    assert (found["run"], found["status"], found["driver"]) == ("one", "finished", None)
    assert len(found["rows"]) == 30
    assert found["rows"][0]["last_other"] is None
    (tmp_path / "storage" / "two").mkdir()
    (tmp_path / "storage" / "two" / "job.json").write_text("{")
    code, out, _ = tune_jobs("status", "--json")
    assert {run["run"]: run["status"] for run in json.loads(out)} == {
        "one": "finished",
        "two": "unreadable",
    }
