"""A run that is looked at while its journal grows, or is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import falling, run_in_folder, tiny_job

from tune_jobs.errors import UserError
from tune_jobs.experiment.facts import Fact
from tune_jobs.runs.folder import RunFolder
from tune_jobs.runs.growing import Growing
from tune_jobs.runs.journal import read


class Facts(list[Fact]):
    """A sum that forgets nothing."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    """Two with different facts."""
    folder = tmp_path_factory.mktemp("runs")
    return [run_in_folder(folder / f"{n}", tiny_job(seed=n), falling) for n in (0, 1)]


looks = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=6)


@given(looks=looks)
def test_a_look_finds_what_the_journal_says(
    runs: list[RunFolder], looks: list[tuple[int, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whether it grew, was cut, or was cut and went on otherwise; in the middle of a line too."""
    folder = RunFolder(tmp_path_factory.mktemp("growing"))
    folder.declaration.write_bytes(runs[0].declaration.read_bytes())
    growing = Growing(folder, lambda content: Facts())
    assert growing.look() == []
    for which, share in looks:
        whole = runs[which].journal.read_bytes()
        folder.journal.write_bytes(whole[: round(share * len(whole))])
        assert growing.look() == list(read(folder.journal))
        assert growing.so_far is growing.look(), "nothing is new"


def test_before_a_damage_everything_is_there(runs: list[RunFolder], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.declaration.write_bytes(runs[0].declaration.read_bytes())
    lines = runs[0].journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join([*lines[:7], b"garbage\n"]))
    growing = Growing(folder, lambda content: Facts())
    with pytest.raises(UserError, match="damaged in line 8"):
        growing.look()
    assert len(growing.so_far) == 7
