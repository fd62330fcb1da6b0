from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import simulated, state_of, tiny_job
from strategies import curves

from search_algos.decisions import Continue, Exploit, Pause, Stop
from tune_jobs.errors import UserError
from tune_jobs.facts import Fact, Opened, Reported, Suggested, from_json, to_json
from tune_jobs.journal import Journal, read
from tune_jobs.simulate import Curve

numbers = st.floats(allow_nan=True, allow_infinity=True)
json_values = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)
configs = st.dictionaries(st.text(), json_values, max_size=3)
decisions = st.one_of(
    st.builds(Continue),
    st.builds(Stop, st.text()),
    st.builds(Pause),
    st.builds(Exploit, st.integers(0), configs),
)
facts = st.one_of(
    st.builds(Suggested, trial_id=st.integers(0), config=configs),
    st.builds(
        Reported,
        trial_id=st.integers(0),
        epoch=st.integers(1),
        metrics=st.dictionaries(st.text(), numbers, max_size=3),
        seconds=st.floats(0, 1e6),
        node=st.text(),
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
    journal.append(Opened(version=1))
    journal.append(Suggested(trial_id=0, config={"x": 0.5}))
    journal.append(Reported(trial_id=0, epoch=1, metrics={"loss": math.nan}))
    journal.close()
    return path


def test_facts_are_stamped_with_the_time(written: Path) -> None:
    assert [fact.time for fact in read(written)] == [12.0] * 3


def test_a_fact_is_readable_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(Opened(version=1))
    assert len(list(read(tmp_path / "journal.jsonl"))) == 1
    journal.close()


def test_a_journal_is_never_overwritten(written: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(FileExistsError):
        Journal(written)
    assert written.read_bytes() == before


def test_a_last_line_cut_anywhere_is_left_out(written: Path) -> None:
    whole = written.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(whole)):
        written.write_bytes(whole[:end])
        assert [fact.fact for fact in read(written)] == ["opened", "suggested"]


@pytest.mark.parametrize("damage", ["{", "null", '{"fact":"sugested"}', '{"fact":"suggested"}'])
def test_a_damaged_line_is_named_by_its_number(written: Path, damage: str) -> None:
    lines = written.read_text().splitlines()
    lines[1] = damage
    written.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="line 2"):
        list(read(written))


def test_a_journal_of_a_newer_version_is_refused(written: Path) -> None:
    written.write_text(written.read_text().replace('"version":1', '"version":99'))
    with pytest.raises(UserError, match=r"version 99.*reads up to 1"):
        list(read(written))


def test_a_missing_journal_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"journal\.jsonl is not there"):
        list(read(tmp_path / "journal.jsonl"))


def test_another_file_is_no_journal(written: Path) -> None:
    written.write_text(to_json(Suggested(trial_id=0, config={})) + "\n")
    with pytest.raises(UserError, match="no journal"):
        list(read(written))
