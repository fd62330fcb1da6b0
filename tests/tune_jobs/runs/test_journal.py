from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import simulated, state_of, tiny_job
from strategies import curves

from tune_jobs.errors import UserError
from tune_jobs.experiment.cost import Usage
from tune_jobs.experiment.facts import (
    VERSION,
    Fact,
    Failed,
    Known,
    Opened,
    Reported,
    Stopped,
    Suggested,
    from_json,
    to_json,
)
from tune_jobs.runs import journal as journal_module
from tune_jobs.runs.journal import Journal, read, read_past, truncate
from tune_jobs.search_algos.decisions import Continue, Exploit, Pause, Stop
from tune_jobs.simulation.simulate import Curve

numbers = st.floats(allow_nan=True, allow_infinity=True)
json_values = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
configs = st.dictionaries(st.text(), json_values, max_size=3)
decisions = st.one_of(
    st.builds(Continue),
    st.builds(Stop, st.text()),
    st.builds(Pause),
    st.builds(Exploit, st.integers(0), configs),
)
finite = st.floats(allow_nan=False, allow_infinity=False)
losses = st.dictionaries(st.integers(1), finite | st.tuples(finite, finite), max_size=3)
facts = st.one_of(
    st.builds(
        Opened,
        version=st.just(VERSION),
        known=st.lists(st.builds(Known, config=configs, losses=losses), max_size=2),
    ),
    st.builds(Suggested, trial_id=st.integers(0), config=configs),
    st.builds(
        Reported,
        trial_id=st.integers(0),
        epoch=st.integers(1),
        metrics=st.dictionaries(st.text(), numbers, max_size=3),
        seconds=st.floats(0, 1e6),
        node=st.text(),
        usage=st.none() | st.builds(Usage, cpu_seconds=st.floats(0, 1e6)),
        decision=decisions,
    ),
)


@given(facts)
def test_a_fact_survives_its_line(fact: Fact) -> None:
    line = to_json(fact)
    assert "\n" not in line
    assert repr(from_json(line)) == repr(fact)  # as text, since NaN is not equal to itself


@given(curve=curves())
def test_the_file_folds_to_the_state_the_run_had(curve: Curve, tmp_path_factory: object) -> None:
    run = simulated(curve=curve, workers=2)
    path = Path(tmp_path_factory.mktemp("journal")) / "journal.jsonl"  # type: ignore[attr-defined]
    journal = Journal(path, clock=iter(fact.time for fact in run.facts).__next__)
    for fact in run.facts:
        journal.append(fact)
    journal.close()
    job = tiny_job()
    assert repr(vars(state_of(job, read(path)))) == repr(vars(state_of(job, rounded(run.facts))))


def rounded(facts: list[Fact]) -> list[Fact]:
    return [type(fact)(**{**vars(fact), "time": round(fact.time, 3)}) for fact in facts]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, clock=lambda: 12.0)
    journal.append(Opened(version=VERSION))
    journal.append(Suggested(trial_id=0, config={"x": 0.5}))
    journal.append(Reported(trial_id=0, epoch=1, metrics={"loss": math.nan}))
    journal.close()
    return path


KINDS = ["opened", "suggested", "reported"]


def test_facts_are_stamped_with_the_time(written: Path) -> None:
    assert [fact.time for fact in read(written)] == [12.0] * 3


def test_a_fact_is_readable_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(Opened(version=VERSION))
    assert len(list(read(tmp_path / "journal.jsonl"))) == 1
    journal.close()


def test_a_journal_is_never_overwritten(written: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(FileExistsError):
        Journal(written)
    assert written.read_bytes() == before


def test_a_last_line_cut_anywhere_is_left_out_and_written_over(written: Path) -> None:
    whole = written.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(whole)):
        written.write_bytes(whole[:end])
        past = read_past(written)
        assert past
        assert [fact.fact for fact in past.facts] == KINDS[:2]
        assert (past.size, past.torn) == (start, end - start)
        journal = Journal(written, past)
        journal.append(Stopped(trial_id=0, reason="enough"))
        journal.close()
        assert [fact.fact for fact in read(written)] == [*KINDS[:2], "stopped"]


@given(data=st.data())
def test_whatever_happens_to_the_bytes_no_fact_is_changed_or_lost_in_silence(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A byte range of the file is changed or cut out: what is read is the beginning of what was
    written, and where a whole line is missing in the middle, that is told with its number."""
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    with closing(Journal(path, clock=lambda: 12.0)) as journal:
        written = [journal.append(Opened(version=VERSION))]
        written += [journal.append(fact) for fact in data.draw(st.lists(facts, max_size=6))]
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, len(whole) - start))
    instead = data.draw(st.one_of(st.just(b""), st.binary(min_size=length, max_size=length)))
    damaged = whole[:start] + instead + whole[start + length :]
    path.write_bytes(damaged)
    read_back, error = [], ""
    try:
        for fact in read(path):
            read_back.append(fact)
    except UserError as problem:
        error = str(problem)
    assert list(map(repr, read_back)) == list(map(repr, written[: len(read_back)]))
    whole_lines = damaged.endswith(b"\n") and not whole.startswith(damaged)
    if whole_lines and damaged != whole:
        assert "line" in error or "version" in error or "not a journal" in error
    if error and "line" in error and len(read_back) > 1:
        truncate(path, len(read_back) + 1)
        assert list(map(repr, read(path))) == list(map(repr, read_back))


@pytest.mark.parametrize("damage", ["{", "null", '{"fact":"sugested"}', '{"fact":"suggested"}'])
def test_a_damaged_line_is_named_by_its_number_with_a_way_on(written: Path, damage: str) -> None:
    lines = written.read_text().splitlines()
    lines[1] = damage
    written.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"line 2.*resume .* --truncate-at 2"):
        list(read(written))


def test_a_line_that_is_missing_is_noticed_at_the_next_one(written: Path) -> None:
    lines = written.read_text().splitlines(keepends=True)
    written.write_text(lines[0] + lines[2])
    with pytest.raises(UserError, match="line 2, or lines before it are missing"):
        list(read(written))


def test_a_number_that_changed_is_noticed(written: Path) -> None:
    written.write_text(written.read_text().replace("0.5", "0.6"))
    with pytest.raises(UserError, match="line 2"):
        list(read(written))


def test_truncating_keeps_a_copy_and_the_rest_goes_on(written: Path) -> None:
    before = written.read_bytes()
    copy = truncate(written, 3)
    assert copy.read_bytes() == before
    journal = Journal(written, read_past(written))
    journal.append(Stopped(trial_id=0, reason="enough"))
    journal.close()
    assert [fact.fact for fact in read(written)] == ["opened", "suggested", "stopped"]


@pytest.mark.parametrize("line", [-1, 0, 1, 4])
def test_there_has_to_be_a_line_to_truncate_at(written: Path, line: int) -> None:
    before = written.read_bytes()
    with pytest.raises(UserError, match=f"--truncate-at is {line}.*lines 2 to 3"):
        truncate(written, line)
    assert written.read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(written: Path) -> None:
    written.write_text(written.read_text().replace('"version":3', '"version":99'))
    with pytest.raises(UserError, match=r"version 99.*reads up to 3"):
        list(read(written))


def test_a_journal_without_check_sums_can_be_read_and_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    facts = [Opened(version=1), Suggested(trial_id=0, config={"x": 0.5})]
    path.write_text("".join(f"{to_json(fact)}\n" for fact in facts))
    assert list(read(path)) == facts
    with pytest.raises(UserError, match=r"version 1 .*not resumed.*--warm-start"):
        read_past(path)


def test_a_journal_without_a_whole_line_has_no_past(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert read_past(path) is None
    with pytest.raises(UserError, match=r"journal\.jsonl does not exist"):
        list(read(path))
    path.write_text('{"fact":"ope')
    assert read_past(path) is None
    assert list(read(path)) == []


def test_check_sums_count_whatever_version_the_journal_says_it_has(written: Path) -> None:
    changed = written.read_text().replace('"version":3', '"version":1')
    written.write_text(changed.replace("0.5", "0.6"))
    with pytest.raises(UserError, match="damaged in line 1"):
        list(read(written))


def test_text_that_is_no_unicode_is_readable_again(tmp_path: Path) -> None:
    """As in an error about a file with such a name."""
    path = tmp_path / "journal.jsonl"
    with closing(Journal(path)) as journal:
        journal.append(Opened(version=VERSION))
        journal.append(Failed(trial_id=0, error="no file caf\udce9", retry=True))
    assert next(fact for fact in read(path) if isinstance(fact, Failed)).error == "no file caf?"


def test_the_last_line_reaches_the_disk_though_no_other_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = threading.Semaphore(0)
    monkeypatch.setattr(journal_module, "SYNC_SECONDS", 0.01)
    with closing(Journal(tmp_path / "journal.jsonl")) as journal:
        fsync = os.fsync
        monkeypatch.setattr(os, "fsync", lambda file: (fsync(file), synced.release()))
        journal.sync()
        assert synced.acquire(timeout=10)
        journal.append(Opened(version=VERSION))
        assert synced.acquire(timeout=10), "nobody wrote another line"


def test_another_file_is_no_journal(written: Path) -> None:
    written.write_text(to_json(Suggested(trial_id=0, config={})) + "\n")
    with pytest.raises(UserError, match="not a journal"):
        list(read(written))


def test_on_a_full_disk_a_line_is_written_whole_or_not_at_all(written: Path) -> None:
    """The limit of a file's size stands for the disk's: the write that crosses it is cut short."""
    script = f"""
import resource, signal
from pathlib import Path
from tune_jobs.experiment.facts import Stopped
from tune_jobs.runs.journal import Journal, read_past
from tune_jobs.storage import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path({str(written)!r})
past = read_past(path)
journal = Journal(path, past)
resource.setrlimit(resource.RLIMIT_FSIZE, (past.size + 20, resource.RLIM_INFINITY))
try:
    journal.append(Stopped(trial_id=0, reason="enough"))
except StorageError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append(Stopped(trial_id=0, reason="again"))
journal.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stdout
    facts = list(read(written))
    assert [fact.fact for fact in facts] == [*KINDS, "stopped"]
    assert facts[-1].reason == "again"
