"""What a real shell offers when somebody presses Tab."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runs import falling, run_in_folder, tiny_job

COMMAND = Path(sys.executable).with_name("tune-jobs")
SCRIPT = """
set -e
eval "$(_TUNE_JOBS_COMPLETE=bash_source tune-jobs)"
compopt() { :; }  # bash has it only while somebody presses Tab
COMP_CWORD=$(($# - 1)) COMP_WORDS=("$@")
_tune_jobs_completion tune-jobs
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(*words: str) -> list[str]:
    bash = shutil.which("bash")
    done = subprocess.run(
        [bash or pytest.skip("there is no bash"), "-c", SCRIPT, "bash", "tune-jobs", *words],
        env={**os.environ, "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    if "older than" in done.stderr:
        pytest.skip(done.stderr)
    assert not done.returncode, done.stderr
    return done.stdout.split()


def test_commands_and_options_are_completed() -> None:
    assert set(offered("re")) == {"report", "resume", "retrain"}
    assert offered("run", "digits_cnn", "--sc") == ["--scheduler"]


@pytest.mark.parametrize("command", ["run", "show", "simulate"])
def test_ready_jobs_are_completed(command: str) -> None:
    assert offered(command, "digits_") == ["digits_cnn", "digits_mlp"]


def test_runs_of_the_storage_are_completed(tmp_path: Path) -> None:
    for name in ("storage/first", "storage/fifth", "storage/second", "elsewhere/first-of-all"):
        run_in_folder(tmp_path / name, tiny_job(num_samples=1), falling)
    assert offered("status", "fi") == ["fifth", "first"]
    assert offered("run", "digits_cnn", "--warm-start", "s") == ["second"]
    elsewhere = str(tmp_path / "elsewhere")
    assert offered("resume", "--storage", elsewhere, "fi") == ["first-of-all"]


def test_a_storage_that_cannot_be_read_offers_no_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNE_JOBS_STORAGE", "ftp://nowhere")
    assert offered("resume", "fi") == []
