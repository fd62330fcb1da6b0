from __future__ import annotations

from pathlib import Path

import pytest

from tune_jobs.errors import UserError
from tune_jobs.job.files import load_job, ready_jobs

GOOD = """
from tune_jobs import Float, TuneJob
import neighbour
job = TuneJob(name="mine", model=neighbour.MODEL, space={"x": Float(0, 1)}, metric="loss",
              mode="min")
"""


def failure(path: Path | str) -> str:
    with pytest.raises(UserError) as error:
        load_job(str(path))
    return str(error.value)


@pytest.mark.parametrize("name", ready_jobs())
def test_every_ready_job_is_valid_and_named_like_its_file(name: str) -> None:
    job, module = load_job(name)
    assert job.name == name
    assert module.__doc__
    job.validate()


def test_a_job_file_can_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("MODEL = 'tiny_model:Tiny'\n")
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    job, _ = load_job(str(path))
    assert (job.name, job.model) == ("mine", "tiny_model:Tiny")


def test_an_unknown_job_gets_the_nearest_name() -> None:
    said = failure("digit_cnn")
    assert "'digit_cnn'" in said
    assert "did you mean 'digits_cnn'" in said


def test_a_job_file_that_is_not_there_is_named() -> None:
    assert "'jobs/mine.py' does not exist" in failure("jobs/mine.py")


def test_an_error_in_a_job_file_shows_the_users_own_lines_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def rate():\n    return 1 / 0\n\nrate()\n")
    said = failure(path)
    assert "ZeroDivisionError" in said
    assert "line 2" in said
    assert "line 4" in said
    assert "job_files" not in said
    assert "importlib" not in said


def test_a_bad_range_is_shown_where_it_stands_in_the_job_file(tmp_path: Path) -> None:
    path = tmp_path / "inverted.py"
    path.write_text("from tune_jobs import Float\n\nrate = Float(3, 1)\n")
    said = failure(path)
    assert "Float(3, 1): the range is inverted" in said
    assert "line 3" in said
    assert "space.py" not in said


def test_a_misspelt_field_is_shown_with_the_right_one(tmp_path: Path) -> None:
    path = tmp_path / "misspelt.py"
    path.write_text(GOOD.replace("import neighbour", "").replace("model=neighbour.MODEL", "modl=1"))
    said = failure(path)
    assert "'modl' is not a field of TuneJob; did you mean 'model'" in said
    assert "pydantic" not in said


@pytest.mark.parametrize("count", [0, 2])
def test_a_file_without_exactly_one_job_says_how_many(tmp_path: Path, count: int) -> None:
    text = "from tune_jobs import Float, TuneJob\n"
    for number in range(count):
        text += (
            f"job{number} = TuneJob(name='a', model='m', space={{'x': Float(0, 1)}}, metric='l', "
            "mode='min')\n"
        )
    path = tmp_path / "jobs.py"
    path.write_text(text)
    said = failure(path)
    assert f"has {count} TuneJobs" in said
    assert ("(job0, job1)" in said) == (count == 2)


def test_a_job_may_have_two_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD.replace("import neighbour", "").replace("neighbour.MODEL", "'m'"))
    path.write_text(f"{path.read_text()}DEFAULT = job\n")
    assert load_job(str(path))[0].name == "mine"


def test_a_file_that_is_not_python_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text('name = "mine"')
    assert "must end in .py, .yaml or .yml" in failure(path)
