"""Programs as models: real processes, most of them a few lines of sh."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from finished import run_job
from runs import tiny_job

from tune_jobs.experiment.trial import Status
from tune_jobs.models.base import Done
from tune_jobs.models.command import Command
from tune_jobs.models.programs.program import ProgramError
from tune_jobs.search_algos.domains import Float

Make = Callable[..., Command]

COUNTER = """
epoch=0 state=7
[ -z "$TUNE_JOBS_RESTORE" ] || . "$TUNE_JOBS_RESTORE"
while [ $epoch -lt 6 ]; do
    epoch=$((epoch + 1)) state=$(((state * 31 + factor) % 1009))
    echo $epoch >> trained
    line="\\"loss\\": $state.5, \\"epoch\\": $epoch"
    if [ $((epoch % every)) = 0 ]; then
        echo "epoch=$epoch state=$state" > "$TUNE_JOBS_CHECKPOINTS/after-$epoch.sh"
        line="$line, \\"checkpoint\\": \\"after-$epoch.sh\\""
    fi
    echo "{$line}"
done
"""


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a model of a sh program, which works in the test's folder; closes it at the end."""
    made = []
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)

    def make(program: str, arguments: str = "", **config: Any) -> Command:
        number = len(made)
        Path(f"program{number}.sh").write_text(program)
        command = f"sh program{number}.sh {arguments}"
        made.append(Command(Command.Config(**{"command": command, "max_epochs": 6, **config})))
        return made[-1]

    yield make
    for model in made:
        model.close()


def counter(make: Make, every: int, factor: int = 3) -> Command:
    return make(f"every={every} factor={factor}\n{COUNTER}")


def failure(action: Callable[[], object]) -> str:
    with pytest.raises(ProgramError) as error:
        action()
    return str(error.value)


def test_lines_that_are_objects_or_numbers_are_epochs_and_the_others_are_passed_over(
    make: Make,
) -> None:
    model = make(
        """
        echo "reading data"
        printf 'step 1\\rstep 2\\r{"loss": 0.1234567890123456789, "n": 3}\\r\\n'
        echo; echo '[1]'; echo true; echo '"0.5"'
        echo ' {"loss": NaN}'
        printf -- -1e-3  # and no end of the line
        """
    )
    assert model.train_epoch() == {"loss": 0.1234567890123456789, "n": 3.0}
    assert str(model.train_epoch()) == "{'loss': nan}"
    assert model.train_epoch() == {"value": -0.001}
    assert model.evaluate() == {}


@pytest.mark.parametrize(("every", "trained_again"), [(1, 0), (2, 1), (9, 3)])
def test_resumed_training_equals_uninterrupted_training_bit_for_bit(
    make: Make, tmp_path: Path, every: int, trained_again: int
) -> None:
    """From the newest checkpoint, or where there is none, from the beginning."""
    whole = counter(make, every)
    metrics = [whole.train_epoch() for _ in range(6)]
    assert len({epoch["loss"] for epoch in metrics}) == 6

    saved = [tmp_path / "saved1", tmp_path / "saved2"]
    for folder in saved:
        folder.mkdir()
    first = counter(make, every)
    for _ in range(3):
        first.train_epoch()
    first.save(saved[0])
    first.close()
    second = counter(make, every)
    second.load(saved[0])
    second.save(saved[1])  # before it has done anything
    second.close()
    Path("trained").unlink()
    third = counter(make, every)
    third.load(saved[1])
    assert [third.train_epoch() for _ in range(3)] == metrics[3:]
    assert Path("trained").read_text().split() == [str(n) for n in range(4 - trained_again, 7)]
    assert third.state_dict() == whole.state_dict()


def test_a_program_that_runs_ahead_does_not_change_what_is_saved(
    make: Make, tmp_path: Path
) -> None:
    os.mkfifo("ahead")
    model = make(f"every=1 factor=3\n{COUNTER}\necho 'all printed' > ahead")
    for epoch in (1, 2):
        assert model.train_epoch()["epoch"] == epoch
        if epoch == 1:
            assert Path("ahead").read_text() == "all printed\n"
        folder = tmp_path / f"saved{epoch}"
        folder.mkdir()
        model.save(folder)
        assert f"epoch={epoch} " in (folder / "checkpoint" / f"after-{epoch}.sh").read_text()


def test_checkpoints_that_were_superseded_are_removed(make: Make, tmp_path: Path) -> None:
    model = counter(make, every=1)
    for _ in range(6):
        model.train_epoch()
    left = [path.name for path in (tmp_path / "temporary").rglob("after-*")]
    assert left == ["after-6.sh"]
    model.close()
    assert not any((tmp_path / "temporary").iterdir())


def test_a_checkpoint_may_be_a_folder_and_is_named_as_before(make: Make, tmp_path: Path) -> None:
    program = """
        if [ "$TUNE_JOBS_RESTORE" ]; then
            basename "$TUNE_JOBS_RESTORE" > name
            echo "{\\"loss\\": $(cat "$TUNE_JOBS_RESTORE/part/loss")}"
        else
            mkdir -p "$TUNE_JOBS_CHECKPOINTS/deep/after 1/part"
            echo 0.25 > "$TUNE_JOBS_CHECKPOINTS/deep/after 1/part/loss"
            echo "{\\"loss\\": 1, \\"checkpoint\\": \\"$TUNE_JOBS_CHECKPOINTS/deep/after 1\\"}"
        fi
        """
    model = make(program)
    model.train_epoch()
    model.save(tmp_path)
    again = make(program)
    again.load(tmp_path)
    assert again.train_epoch() == {"loss": 0.25}
    assert Path("name").read_text() == "after 1\n"


def test_a_clone_goes_on_from_its_checkpoint_with_its_new_config(
    make: Make, tmp_path: Path
) -> None:
    source = make(f"every=1 factor=$1\n{COUNTER}", "{factor}", factor=3)
    source.train_epoch()
    source.save(tmp_path)
    clone = make(f"every=1 factor=$1\n{COUNTER}", "{factor}", factor=3)
    clone.load(tmp_path)
    clone.reconfigure(Command.Config(**{**vars(clone.config), "factor": 500}))
    state = (7 * 31 + 3) % 1009
    assert clone.train_epoch() == {"loss": (state * 31 + 500) % 1009 + 0.5, "epoch": 2}
    assert source.train_epoch() == {"loss": (state * 31 + 3) % 1009 + 0.5, "epoch": 2}


def test_a_program_without_checkpoints_cannot_be_cloned(make: Make) -> None:
    model = counter(make, every=9)
    model.train_epoch()
    assert "$TUNE_JOBS_CHECKPOINTS" in failure(lambda: model.reconfigure(model.config))


def test_a_config_arrives_on_the_command_line_and_in_a_file(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNE_JOBS_RESTORE", "of somebody else")
    model = make(
        """
        for word in "$@"; do echo "<$word>"; done > words
        cat "$TUNE_JOBS_CONFIG" > config
        cmp "$TUNE_JOBS_CONFIG" "$1" && echo "{\\"unset\\": ${TUNE_JOBS_RESTORE-1}}"
        """,
        "{config} --rate={rate} {rate:.1f} '{name} x' {flag} {sizes} {none} {{}} "
        "{seed}/{max_epochs}",
        **{"rate": 0.1 + 0.2, "name": "a; 'b' {seed}", "flag": True, "sizes": [1, 2], "none": None},
        seed=5,
    )
    assert model.train_epoch() == {"unset": 1}
    assert Path("words").read_text().splitlines()[1:] == [
        *("<--rate=0.30000000000000004>", "<0.3>", "<a; 'b' {seed} x>", "<true>"),
        *("<[1, 2]>", "<null>", "<{}>", "<5/6>"),
    ]
    assert json.loads(Path("config").read_text()) == {
        **{"rate": 0.1 + 0.2, "name": "a; 'b' {seed}", "flag": True, "sizes": [1, 2]},
        **{"none": None, "seed": 5, "max_epochs": 6, "fold": 0, "folds": 0},
    }


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"command": "x {learning_rat}"}, r"\{learning_rat\}.*\{learning_rate\}"),
        ({"command": "x", "test_command": "x {nope}"}, r"test_command\n.*\{nope\}"),
        ({"command": "x 'y"}, "No closing quotation"),
        ({"command": "x {"}, "brace twice"),
        ({"command": "x {}"}, "brace twice"),
        ({"command": "  "}, "empty"),
        ({"command": "x", "config": 3}, "config"),
        ({}, "command"),
    ],
)
def test_a_config_rejects_nonsense(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Command.Config(learning_rate=0.1, **config)


@pytest.mark.parametrize("program", ["echo 0.5; echo 0.4", "echo 0.5; echo 0.4; echo over >&2"])
def test_a_program_that_ends_well_before_its_last_epoch_is_done(make: Make, program: str) -> None:
    model = make(program, "--rate {rate}", rate=0.1)
    assert [model.train_epoch()["value"] for _ in range(2)] == [0.5, 0.4]
    with pytest.raises(Done, match="by itself after 2 epochs"):
        model.train_epoch()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "echo reading; echo 'no data' >&2; exit 3",
            ["  no data", "code 3 before it printed the metrics of epoch 1"],
        ),
        ("echo 0.5; kill -SEGV $$", ["killed by SIGSEGV before it printed the metrics of epoch 2"]),
        ("echo 0.5; kill -KILL $$", ["killed by SIGKILL", "memory"]),
        ("echo training; echo done", ["  done", "without a line of metrics", '{"loss": 0.5}']),
        ("echo '{\"loss\": inf}'", ['  {"loss": inf}', "epoch 1 is not JSON", "Infinity"]),
        ('echo \'{"loss": "0.5"}\'', ["'loss' as '0.5'"]),
        ("echo '{\"loss\": true}'", ["'loss' as True"]),
        ("echo '{\"loss\": null}'", ["'loss' as None"]),
        ("echo '{\"checkpoint\": 3}'", ['"checkpoint" as 3']),
        ('echo \'{"checkpoint": "a"}\'', ["'a', which does not exist"]),
        ('echo \'{"checkpoint": "../config.json"}\'', ["'../config.json'", "is not in"]),
        ('echo \'{"checkpoint": ""}\'', ["''", "is not in"]),
        ('ln -s / $TUNE_JOBS_CHECKPOINTS/a; echo \'{"checkpoint": "a"}\'', ["'a'", "is not in"]),
        (
            'for n in 1 2; do echo > $TUNE_JOBS_CHECKPOINTS/a; echo \'{"checkpoint": "a"}\'; done',
            ["epoch 2", "'a' again", "new name"],
        ),
    ],
)
def test_what_a_program_does_wrong_is_told_below_its_last_lines(
    make: Make, program: str, said: list[str]
) -> None:
    model = make(program, "--rate {rate}", rate=0.1)

    def train() -> None:
        for _ in range(6):
            model.train_epoch()

    text = failure(train)
    assert text.startswith("$ sh program0.sh --rate 0.1\n")
    assert [words for words in said if words not in text] == []
    assert said[-1] in text.splitlines()[-1]


def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.csv").touch()
    for name in ("./trainer", str(tmp_path / "data.csv")):
        model = Command(Command.Config(command=f"{name} --rate {{rate}}", rate=0.1))
        text = failure(model.train_epoch)
        assert f"{name!r} cannot be started in {Path.cwd()}" in text
        assert "0.1" not in text, "one error for all trials"
        model.close()


def test_both_streams_are_read_along_and_their_last_lines_kept(make: Make) -> None:
    model = make(
        """
        n=0
        while [ $n -lt 9999 ]; do
            n=$((n + 1))
            echo "warning $n: much more than a pipe holds"
        done >&2
        echo talk; echo "last" >&2; exit 1
        """
    )
    said = failure(model.train_epoch).splitlines()
    assert len(said) == 1 + 20 + 1
    assert "  talk" in said[-3:]
    assert "  last" in said[-3:]
    assert "  warning 9999: much more than a pipe holds" in said


def test_a_program_that_hangs_is_told_before_the_watchdog_ends_the_worker(make: Make) -> None:
    model = make("echo 0.5; echo waiting for a lock; cat fifo", trial_timeout=5.0)
    os.mkfifo("fifo")
    model.train_epoch()
    before = time.monotonic()
    text = failure(model.train_epoch)
    assert time.monotonic() - before < 5.0
    assert "  waiting for a lock\n" in text
    assert "hangs before the metrics of epoch 2" in text
    assert "flush" in text


def test_close_lets_a_program_finish_what_it_does_within_its_grace(make: Make) -> None:
    """Its child does so too, although the program itself is gone at once."""
    child = (
        "trap 'printf %70000s >&2; echo saved > saved; exit' TERM; echo 0.5; while :; do :; done"
    )
    model = make(f'sh -c "{child}" & wait')
    model.train_epoch()
    model.close()
    assert Path("saved").read_text() == "saved\n"


def test_close_kills_what_does_not_end_within_its_grace(make: Make) -> None:
    os.mkfifo("alive")
    stubborn = "trap '' TERM; echo 0.5; while :; do :; done"
    model = make(f"exec 3> alive; trap '' TERM; sh -c \"{stubborn}\"", grace_seconds=0.1)
    alive = os.open("alive", os.O_RDONLY | os.O_NONBLOCK)
    model.train_epoch()
    model.close()
    os.set_blocking(alive, True)
    assert os.read(alive, 1) == b"", "nobody has it open to write"
    os.close(alive)


def test_what_a_program_leaves_behind_ends_with_it(make: Make) -> None:
    os.mkfifo("alive")
    model = make("exec 3> alive; cat alive & echo 0.5; exit 7", grace_seconds=1000)
    alive = os.open("alive", os.O_RDONLY | os.O_NONBLOCK)
    model.train_epoch()
    assert "exited with code 7" in failure(model.train_epoch)
    os.set_blocking(alive, True)
    assert os.read(alive, 1) == b""
    os.close(alive)
    model.close()


WORKER = """
import sys, threading
from tune_jobs.models.command import Command

model = Command(Command.Config(command="sh program.sh"))
starter = threading.Thread(target=lambda: print(model.train_epoch(), flush=True))
starter.start()  # its end is not the program's
starter.join()
sys.stdin.read()
"""


def test_nothing_outlives_a_worker_that_was_killed(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "program.sh").write_text(
        "trap '' TERM; exec 3> alive; (while :; do :; done) & echo 0.5; while :; do :; done"
    )
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path / "temporary"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with worker, alive.open() as watched:
        assert worker.stdout
        assert b"0.5" in worker.stdout.readline()
        assert any((tmp_path / "temporary").iterdir())
        os.kill(worker.pid, signal.SIGKILL)
        assert watched.read() == "", "it ends when the program and its child have"
    while any((tmp_path / "temporary").iterdir()):
        time.sleep(0.01)


TRIALS = """
import os, subprocess
from tune_jobs.models.command import Command

def trial():
    model = Command(Command.Config(command="sh -c 'echo 0.5; cat'"))
    model.train_epoch()
    model.close()

def left():
    listed = subprocess.run(["ps", "-A", "-o", "ppid="], capture_output=True, check=True).stdout
    return len(os.listdir("/dev/fd")), listed.split().count(str(os.getpid()).encode())

trial()
before = left()
for _ in range(30):
    trial()
print(before, left())
assert left() == before
"""


def test_trials_in_one_worker_leave_nothing_open_and_no_process() -> None:
    subprocess.run([sys.executable, "-c", TRIALS], cwd=Path(__file__).parents[2], check=True)


def test_the_test_command_gets_the_checkpoint_and_its_last_metrics_count(
    make: Make, tmp_path: Path
) -> None:
    Path("test.sh").write_text(
        '. "$TUNE_JOBS_RESTORE"; echo 0.1; echo "{\\"test_loss\\": $state, \\"x\\": $1}"'
    )
    model = make(f"every=1 factor=3\n{COUNTER}", test_command="sh test.sh {x}", x=4)
    model.train_epoch()
    model.save(tmp_path)
    tester = make("exit 1", test_command="sh test.sh {x}", x=4)
    tester.load(tmp_path)
    assert tester.test() == {"test_loss": (7 * 31 + 3) % 1009, "x": 4}


def test_without_a_test_command_there_are_no_test_metrics(make: Make) -> None:
    assert make("exit 1").test() == {}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("echo 0.5; exit 2", "code 2 before it printed the metrics of the test"),
        ("echo done", "without a line of metrics"),
    ],
)
def test_a_test_command_that_fails_says_so(make: Make, program: str, said: str) -> None:
    assert said in failure(make("", test_command=f"sh -c '{program}'").test)


def test_what_a_failing_program_said_is_its_trials_error(tmp_path: Path, ray_session: None) -> None:
    program = tmp_path / "program.sh"
    program.write_text("echo 'cannot read digits.csv' >&2; exit 4")
    space = {"command": f"sh {program} {{x}}", "x": Float(0, 1)}
    job = tiny_job(model="command", space=space, num_samples=1, max_failures=0)
    done = run_job(tmp_path / "run", job)
    (trial,) = done.trials
    assert trial.status is Status.FAILED
    assert trial.note == (
        f"$ sh {program} {trial.config['x']}\n"
        "  cannot read digits.csv\n"
        "the program exited with code 4 before it printed the metrics of epoch 1"
    )
    assert "trial 0 failed: the program exited with code 4" in done.said
