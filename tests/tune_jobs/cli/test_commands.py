"""The command line, from its words to its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from runs import falling, run_in_folder, tiny_job

JOB_FILE = """
from tune_jobs import Float, TuneJob
job = TuneJob(name="mine", model="tiny_model:Tiny", space={"x": Float(0, 1)}, metric="loss",
              mode="min", searcher="random", num_samples=4, max_epochs=4)
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return tmp_path / "storage"  # as conftest tells the environment


@pytest.fixture
def job_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(JOB_FILE)
    return path


def test_list_names_jobs_searchers_and_schedulers(tune_jobs: Any) -> None:
    code, out, _ = tune_jobs("list")
    assert code == 0
    for word in ("digits_cnn", "mnist_simple_nn", "hyperopt", "random", "asha", "fifo"):
        assert word in out


def test_show_says_what_a_job_would_do(tune_jobs: Any, job_file: Path) -> None:
    code, out, _ = tune_jobs("show", "digits_cnn")
    assert code == 0
    assert "1e-05 to 1, log scale" in out
    assert "optimizer is 'sgd'" in out
    code, out, _ = tune_jobs("show", str(job_file))
    assert code == 0
    assert "tiny_model:Tiny" in out


def test_status_lists_the_runs_and_tells_one_in_full(tune_jobs: Any, storage: Path) -> None:
    code, out, err = tune_jobs("status")
    assert (code, out) == (0, "")
    assert f"{storage} has no runs yet" in err
    run_in_folder(storage / "first", tiny_job(), falling)
    run_in_folder(storage / "second", tiny_job(), falling)
    code, out, _ = tune_jobs("status")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["first", "second"]
    code, out, _ = tune_jobs("status", "second")
    assert code == 0
    assert "second: finished" in out
    assert "trials 10/10" in out
    assert "test  loss" in out


def test_status_of_a_run_whose_driver_died_shows_what_is_recorded(
    tune_jobs: Any, storage: Path
) -> None:
    folder = run_in_folder(storage / "cut", tiny_job(), falling)
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(whole[: len(whole) // 2])
    code, out, _ = tune_jobs("status", "cut")
    assert code == 0
    assert "its driver died" in out
    assert f"next  tune-jobs resume {folder.path}" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "digit_cnn"], ["'digit_cnn'", "'digits_cnn'"]),
        (["run", "digits_cnn", "--searcher", "hyperop"], ["'hyperop'", "'hyperopt'"]),
        (["run", "digits_cnn", "--scheduler", "ashaa"], ["'ashaa'", "'asha'"]),
        (["run", "digits_cnn", "--samples", "many"], ["'many'", "--samples"]),
        (["run", "digits_cnn", "--samples", "0"], ["num_samples is 0"]),
        (["run", "digits_cnn", "--mode", "maximum"], ["'maximum'", "min", "max"]),
        (["run", "digits_cnn", "--time-budget", "5x"], ["'5x'", "90s"]),
        (["run", "digits_cnn", "--time-budget", "500ms"], ["'500ms'", "90s"]),
        (["run", "digits_cnn", "--set", "widht=3"], ["'widht'", "'width'"]),
        (["run", "digits_cnn", "--set", "optimizer=sgdd"], ["'sgdd'", "'sgd'"]),
        (["run", "digits_cnn", "--max-epochs", "2"], ["grace_period is 3", "max_t is 2"]),
        (["run", "digits_cnn", "--sampels", "3"], ["--sampels", "--samples"]),
        (["run", "digits_cnn", "--storage", "ftp://host/a"], ["'ftp://host/a'", "s3://"]),
        (["run", "digits_cnn", "--name", "../up"], ["'../up'"]),
        (["run", "digits_cnn", "--name", "two\nlines"], ["'two\\nlines'", "letters"]),
        (["run", "digits_cnn", "--name", "x" * 300], ["'xxx", "at most 200 bytes"]),
        (["run", "digits_cnn", "--storage", f"{__file__}/a"], [__file__, "not a folder", "give"]),
        (["run", "digits_cnn", "--metric", ""], ["metric is ''"]),
        (["run", "digits_cnn", "--searcher", "my.Search"], ["'my.Search'", "module:Class"]),
        (["run", "nowhere/job.py"], ["'nowhere/job.py'", "does not exist"]),
        (["show", "digit_cnn"], ["'digit_cnn'", "'digits_cnn'"]),
        (["status", "nothing"], ["'nothing'", "has no runs"]),
        (["statsu"], ["statsu", "status"]),
    ],
)
def test_bad_input_is_one_clear_message_and_exit_code_2(
    tune_jobs: Any, storage: Path, arguments: list[str], words: list[str]
) -> None:
    code, _, err = tune_jobs(*arguments)
    assert code == 2
    for word in words:
        assert word in err
    assert "Traceback" not in err
    assert not storage.exists(), "nothing was started"


def test_a_job_file_that_does_not_import_shows_the_users_lines(
    tune_jobs: Any, tmp_path: Path
) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import torhc\n")
    code, _, err = tune_jobs("run", str(path))
    assert code == 2
    assert "No module named 'torhc'" in err
    assert "line 1" in err


def test_a_run_name_is_never_used_twice(tune_jobs: Any, job_file: Path, storage: Path) -> None:
    folder = run_in_folder(storage / "taken", tiny_job(), falling)
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    code, _, err = tune_jobs("run", str(job_file), "--name", "taken")
    assert code == 2
    assert "'taken' exists" in err
    assert f"`{folder.resume_command}`" in err
    after = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    assert after == before
    (storage / "notes").mkdir()
    (storage / "notes" / "a.txt").touch()
    code, _, err = tune_jobs("run", str(job_file), "--name", "notes")
    assert code == 2
    assert "has files of something else" in err


def test_a_storage_that_cannot_be_written_is_named(
    tune_jobs: Any, job_file: Path, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    code, _, err = tune_jobs("run", str(job_file), "--storage", str(blocked / "results"))
    assert code == 2
    assert str(blocked) in err


def test_a_job_file_that_does_not_exist_is_an_error_of_resume_too(
    tune_jobs: Any, storage: Path
) -> None:
    run_in_folder(storage / "first", tiny_job(), falling)
    code, _, err = tune_jobs("resume", "first", "--job-file", "nowhere.py")
    assert code == 2
    assert "job file 'nowhere.py' does not exist" in err


def test_a_damaged_journal_is_told_and_not_repaired(tune_jobs: Any, storage: Path) -> None:
    folder = run_in_folder(storage / "hurt", tiny_job(), falling)
    lines = folder.journal.read_text().splitlines(keepends=True)
    folder.journal.write_text("".join([*lines[:5], "garbage\n", *lines[6:]]))
    code, _, err = tune_jobs("status", "hurt")
    assert code == 2
    assert "line 6" in err
    code, out, _ = tune_jobs("status")
    assert code == 0
    assert "unreadable" in out


def test_a_job_file_is_a_script_with_the_same_flags(
    job_file: Path, storage: Path, ray_session: None
) -> None:
    """As `ray submit` runs it: on a cluster that is there, with its model in `__main__`."""
    import ray

    model = (Path(__file__).parents[2] / "tiny_model.py").read_text()
    script = JOB_FILE.replace("TuneJob\n", "TuneJob, main\n").replace('"tiny_model:Tiny"', "Tiny")
    job_file.write_text(model + script + "\nif __name__ == '__main__':\n    main(job)\n")
    done = subprocess.run(
        [sys.executable, str(job_file), "--samples", "3", "--name", "script"],
        env={**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "script: random × asha, 3 trials of up to 4 epochs" in done.stdout
    summary = json.loads((storage / "script" / "summary.json").read_text())
    assert summary["trials"]["total"] == 3
    assert json.loads((storage / "script" / "job.json").read_text())["model"] == "__main__:Tiny"


def test_a_whole_run_by_name_of_file(
    tune_jobs: Any, job_file: Path, storage: Path, ray_session: None
) -> None:
    flags = ["--seed", "3", "--metric", "progress", "--mode", "max"]
    code, out, _ = tune_jobs("run", str(job_file), "--name", "mine", *flags)
    assert code == 0
    assert "mine: random × asha, 4 trials of up to 4 epochs" in out
    assert "test_loss" in out
    assert f"tensorboard --logdir {storage / 'mine' / 'tensorboard'}" in out
    summary = json.loads((storage / "mine" / "summary.json").read_text())
    assert summary["status"] == "finished"
    assert summary["seed"] == 3
    assert (summary["metric"], summary["mode"]) == ("progress", "max")
