"""examples/rust_trainer and the ready job for it, built by its own Makefile."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from finished import run_job

from tune_jobs.job.files import load_job
from tune_jobs.job.overrides import override
from tune_jobs.job.tune_job import TuneJob
from tune_jobs.models.command import Command

EXAMPLE = Path(__file__).parent.parent / "examples" / "rust_trainer"


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for tool in ("rustc", "make"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} to build the trainer with")
    folder = tmp_path_factory.mktemp("rust") / "trainer"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("trainer", "digits.csv"))
    command = ["make", "--silent", "-C", str(folder), f"PYTHON={sys.executable}"]
    subprocess.run(command, check=True)
    return folder / "trainer"


def model(trainer: Path, flags: str = "") -> Command:
    config = Command.Config(
        command=f"{trainer} --rate {{rate}} --epochs {{max_epochs}} --seed {{seed}} {flags}",
        test_command=f"{trainer} --test",
        rate=0.05,
        max_epochs=12,
    )
    return Command(config)


def test_it_learns_the_digits(trainer: Path) -> None:
    learner = model(trainer)
    epochs = [learner.train_epoch() for _ in range(12)]
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"] / 4
    assert epochs[-1]["val_loss"] < epochs[0]["val_loss"] / 2
    assert epochs[-1]["val_accuracy"] > 0.93
    tested = learner.test()
    assert set(tested) == {"test_loss", "test_accuracy"}
    assert tested["test_accuracy"] > 0.93
    learner.close()


def test_resumed_training_equals_uninterrupted_training_bit_for_bit(
    trainer: Path, tmp_path: Path
) -> None:
    whole, first, second = model(trainer), model(trainer), model(trainer)
    metrics = [whole.train_epoch() for _ in range(6)]
    for _ in range(3):
        first.train_epoch()
    first.save(tmp_path)
    second.load(tmp_path)
    assert [second.train_epoch() for _ in range(3)] == metrics[3:]
    for each in (whole, first, second):
        each.close()


def test_its_seed_and_every_flag_change_the_training(trainer: Path) -> None:
    losses = []
    for flags in ("", "--seed 1", "--momentum 0.5", "--l2 0.1", "--batch 64", "--rate 0.1"):
        each = model(trainer, flags)
        losses.append([each.train_epoch()["val_loss"] for _ in range(2)][-1])
        each.close()
    assert len(set(losses)) == len(losses)


def test_a_training_that_diverges_goes_on_printing_json(trainer: Path) -> None:
    each = model(trainer, "--rate 1e300")
    assert not math.isfinite([each.train_epoch()["val_loss"] for _ in range(3)][-1])
    each.close()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--rat 1", "unknown flag --rat"),
        ("--batch x", '--batch cannot be "x"'),
        ("--data nowhere.csv", "nowhere.csv cannot be read"),
    ],
)
def test_it_says_what_is_wrong(trainer: Path, flags: str, said: str) -> None:
    done = subprocess.run([trainer, *flags.split()], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def small_job(trainer: Path) -> TuneJob:
    """The ready job with few trials, and the trainer where the tests have it."""
    job, _ = load_job("rust_softmax")
    commands = [
        f"{name}={job.space[name].replace('examples/rust_trainer/trainer', str(trainer))}"
        for name in ("command", "test_command")
    ]
    fields = {"num_samples": 4, "max_epochs": 9, "searcher": "random"}
    return override(job, fields, [*commands, "rate=0.1"])


def test_the_ready_job_tunes_it(trainer: Path, tmp_path: Path, ray_session: None) -> None:
    done = run_job(tmp_path / "run", small_job(trainer))
    assert done.summary["trials"]["failed"] == 0
    assert done.summary["trials"]["total"] == 4
    assert done.summary["best"]["test"]["test_accuracy"] > 0.8
