from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mirrored import read_journal
from s3_server import S3Server, s3_server

from tune_jobs.errors import UserError
from tune_jobs.storage import Folder, Place, StorageError, open_place
from tune_jobs.storage.download import Download
from tune_jobs.storage.lease import LEASE_SECONDS, Lease
from tune_jobs.storage.mirror import FILES_SECONDS, RENEW_SECONDS, Mirror

PIECE = 10
lines = st.lists(st.sampled_from([b"a", b"bc", b"\n"]), max_size=30).map(b"".join)
PATIENT, IMPATIENT = 60.0, 0.0  # seconds


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def bucket(server: S3Server) -> Place:
    return open_place(server.new_bucket())


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a run is kept."""
    if request.param == "folder":
        return Folder(tmp_path / "storage" / "run")
    bucket: Place = request.getfixturevalue("bucket")
    return bucket.child(uuid4().hex)


@pytest.fixture
def working(tmp_path: Path) -> Path:
    return tmp_path / "working"


def add(working: Path, text: str | bytes, name: str = "journal.jsonl") -> None:
    """Appends to a file of the driver's folder."""
    (working / name).parent.mkdir(parents=True, exist_ok=True)
    with (working / name).open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def kept_run(place: Place, journal: bytes) -> None:
    place.write("job.json", b'{"name": "kept"}')
    for number in range(0, len(journal), PIECE):
        place.write(f"journal/{number // PIECE:06d}", journal[number : number + PIECE])


def local_journal(working: Path) -> bytes:
    return (working / "journal.jsonl").read_bytes()


# -- the journal in pieces


@settings(max_examples=25)
@given(parts=st.lists(lines, max_size=6))
def test_a_journal_comes_back_from_its_pieces(
    parts: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    place, working, written = Folder(folder / "place"), folder / "working", b""
    mirror = Mirror(working, place, PATIENT, piece=PIECE)
    for part in parts:
        add(working, part)
        written += part
        mirror.sync()
        assert read_journal(place, PIECE) == whole_lines(written), "not what is being written"
    mirror.close()
    sizes = list(place.files("journal").values())
    assert sum(sizes) == len(whole_lines(written))
    assert all(0 < size <= PIECE for size in sizes)


@settings(max_examples=25)
@given(before=lines, cut=st.integers(0, 45), after=lines)
def test_what_was_cut_off_before_the_driver_went_on_is_not_in_the_copy(
    before: bytes, cut: int, after: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    place, working = Folder(folder / "place"), folder / "working"
    kept_run(place, before)
    add(working, before[:cut] + after)
    mirror = Mirror(working, place, PATIENT, piece=PIECE)
    mirror.sync()
    assert read_journal(place, PIECE) == whole_lines(before[:cut] + after)
    mirror.close()


def whole_lines(content: bytes) -> bytes:
    return b"".join(line for line in content.splitlines(keepends=True) if line.endswith(b"\n"))


def test_a_full_piece_is_written_once(working: Path, tmp_path: Path) -> None:
    place = Counting(tmp_path / "place")
    mirror = Mirror(working, place, PATIENT, piece=PIECE)
    for _ in range(4):
        add(working, b"xxxx\n")
        mirror.sync()
    mirror.close()
    pieces = [name for name in place.written if name.startswith("journal/")]
    assert pieces == ["journal/000000"] * 2 + ["journal/000001"] * 2


def test_a_missing_piece_is_named(place: Place) -> None:
    kept_run(place, b"x" * 35)
    place.remove("journal/000001")
    with pytest.raises(UserError, match="journal/000001 is missing"):
        read_journal(place, PIECE)


def test_a_short_piece_is_named(place: Place) -> None:
    kept_run(place, b"x" * 35)
    place.write("journal/000002", b"x")
    with pytest.raises(UserError, match=r"journal/000002 has 1 of 10 bytes"):
        read_journal(place, PIECE)


def test_a_run_without_a_journal_has_an_empty_one(place: Place) -> None:
    assert read_journal(place) == b""


# -- fetching a run


def test_a_run_comes_to_a_machine_that_does_not_have_it(place: Place, working: Path) -> None:
    kept_run(place, b"one\ntwo\nthree\n")
    Download(place, working, PIECE)()
    assert local_journal(working) == b"one\ntwo\nthree\n"
    assert json.loads((working / "job.json").read_text()) == {"name": "kept"}


@pytest.mark.parametrize("there", [b"", b"one\n", b"one\ntw", b"one\nTORN", b"one\ntwo\n"])
def test_what_the_driver_had_not_uploaded_is_kept(
    place: Place, working: Path, there: bytes
) -> None:
    kept_run(place, there)
    add(working, "one\ntwo\nth")
    Download(place, working, PIECE)()
    assert local_journal(working) == b"one\ntwo\nth"
    assert sorted(os.listdir(working)) == ["job.json", "journal.jsonl"]


@pytest.mark.parametrize("here", ["", "one\n", "one\nTORN"])
def test_a_journal_that_has_fallen_behind_is_brought_up_to_date(
    place: Place, working: Path, here: str
) -> None:
    kept_run(place, b"one\ntwo\n")
    add(working, here)
    Download(place, working, PIECE)()
    assert local_journal(working) == b"one\ntwo\n"
    assert sorted(os.listdir(working)) == ["job.json", "journal.jsonl"]


def test_a_journal_that_differs_is_kept_beside_the_right_one(place: Place, working: Path) -> None:
    kept_run(place, b"one\ntwo\n")
    for here in (b"one\nother\n", b"another\n"):
        (working / "journal.jsonl").unlink(missing_ok=True)
        add(working, here)
        Download(place, working, PIECE)()
        assert local_journal(working) == b"one\ntwo\n"
    beside = [path.read_bytes() for path in sorted(working.glob("journal.jsonl.*"))]
    assert beside == [b"one\nother\n", b"another\n"]


def test_a_run_that_ended_before_its_journal_began_has_none_here_either(
    place: Place, working: Path
) -> None:
    kept_run(place, b"")
    Download(place, working)()
    assert os.listdir(working) == ["job.json"]


def test_a_place_without_a_run_is_told(place: Place, working: Path) -> None:
    with pytest.raises(UserError, match=r"is not a run: it has no job\.json"):
        Download(place, working)()
    assert not working.exists()


FIVE, SIX = b"one\ntwo\nthree\nfour\nfive\n", b"one\ntwo\nthree\nfour\nfive\nsix\n"


@settings(max_examples=25)
@given(journals=st.lists(lines.map(whole_lines).filter(bool), max_size=6))
def test_one_download_after_another_brings_what_is_there(
    journals: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whether the journal grew, or was cut and went on otherwise."""
    folder = tmp_path_factory.mktemp("run")
    place, working = Folder(folder / "place"), folder / "working"
    download = Download(place, working, PIECE)
    for journal in journals:
        place.remove("journal")
        kept_run(place, journal)
        download()
        assert local_journal(working).startswith(journal), "or it continues what is there"


def test_pieces_that_have_not_changed_are_not_read_again(working: Path, tmp_path: Path) -> None:
    place = Counting(tmp_path / "place")
    kept_run(place, FIVE)
    download, read = Download(place, working, PIECE), []
    for journal in (FIVE, FIVE, SIX):
        if journal is SIX:
            place.write("journal/000002", SIX[2 * PIECE :])
        place.was_read.clear()
        download()
        assert local_journal(working) == journal
        read.append([int(name[-1]) for name in place.was_read if name != "job.json"])
    assert [sorted(numbers) for numbers in read] == [[0, 1, 2], [], [2]]


# -- the copy of the other files


def test_the_other_files_are_copied_when_they_change(place: Place, working: Path) -> None:
    clock = Clock()
    add(working, "{}", "job.json")
    add(working, "half", ".summary.json")
    add(working, "large", "checkpoints/00000/epoch-00001/state")
    mirror = Mirror(working, place, PATIENT, clock=clock)
    settle(mirror)
    assert place.files() == {"job.json": 2}
    add(working, "event", "tensorboard/00000/events")
    settle(mirror)
    assert place.files() == {"job.json": 2}
    clock.now += FILES_SECONDS
    settle(mirror)
    assert place.files() == {"job.json": 2, "tensorboard/00000/events": 5}
    add(working, "more", "tensorboard/00000/events")
    add(working, "fact\n")
    mirror.close()
    assert place.read("tensorboard/00000/events") == b"eventmore"
    assert read_journal(place) == b"fact\n"


def test_a_file_that_has_not_changed_is_copied_once(working: Path, tmp_path: Path) -> None:
    place, clock = Counting(tmp_path / "place"), Clock()
    add(working, "{}", "job.json")
    mirror = Mirror(working, place, PATIENT, clock=clock)
    for _ in range(3):
        settle(mirror)
        clock.now += FILES_SECONDS
    mirror.close()
    assert place.written == ["job.json"]


def test_a_mirror_at_rest_does_nothing(working: Path, tmp_path: Path) -> None:
    place = Counting(tmp_path / "place")
    add(working, "fact\n")
    mirror = Mirror(working, place, PATIENT)
    settle(mirror)
    steps: list[float] = []
    step = mirror._step
    mirror._step = lambda: steps.append(0.0) or step()  # type: ignore[func-returns-value,method-assign]
    threading.Event().wait(0.2)
    assert steps == []
    mirror.close()


def test_what_is_asked_of_a_closed_mirror_is_told(working: Path, place: Place) -> None:
    mirror = Mirror(working, place, PATIENT)
    mirror.close()
    with pytest.raises(StorageError, match="is closed"):
        mirror.sync()


# -- a storage that goes away


def test_an_outage_is_made_up_for(working: Path, bucket: Place, server: S3Server) -> None:
    place, told = bucket.child(uuid4().hex), Told()
    mirror = Mirror(working, place, PATIENT, told=told)
    add(working, "before\n")
    mirror.sync()
    server.stop()
    try:
        add(working, "meanwhile\n")
        add(working, "{}", "summary.json")
        waiting = threading.Thread(target=mirror.sync)
        waiting.start()
        assert told.something.wait(20.0)  # it has noticed
        assert mirror.failed is None
        assert waiting.is_alive()
    finally:
        server.start()
    waiting.join(20.0)
    assert read_journal(place) == b"before\nmeanwhile\n"
    add(working, "after\n")
    mirror.close()
    assert read_journal(place) == b"before\nmeanwhile\nafter\n"
    assert place.read("summary.json") == b"{}"
    assert "tried again for 60 s" in told.texts[0]
    assert "is back after" in told.texts[1]


def test_a_storage_that_stays_away_ends_the_patience(
    working: Path, bucket: Place, server: S3Server
) -> None:
    place = bucket.child(uuid4().hex)
    mirror = Mirror(working, place, IMPATIENT)
    mirror.sync()
    server.stop()
    try:
        add(working, "fact\n")
        with pytest.raises(StorageError, match=r"failed, 1 tries in 0 s: .*NETWORK") as raised:
            mirror.sync()
    finally:
        server.start()
    assert place.url in str(raised.value)
    assert mirror.failed is raised.value
    with pytest.raises(StorageError):
        mirror.close()
    assert local_journal(working) == b"fact\n"


def test_a_mistake_in_the_thread_is_not_waited_for(working: Path, tmp_path: Path) -> None:
    place = Counting(tmp_path / "place", ValueError("a mistake"))
    add(working, "fact\n")
    mirror = Mirror(working, place, PATIENT)
    with pytest.raises(StorageError, match="a mistake"):
        mirror.sync()
    with pytest.raises(StorageError, match="a mistake"):
        mirror.close()


# -- who drives the run


def test_a_second_driver_is_refused_and_told_who_the_first_is(place: Place) -> None:
    first = Lease(place)
    holder = f"process {os.getpid()} on {platform.node()}"
    with pytest.raises(UserError, match=rf"in use by {holder}; if that process died, wait 30 s"):
        Lease(place)
    assert len(place.files("lease")) == 1
    first.renew()
    assert first.lost is None
    first.release()
    Lease(place).release()
    assert place.files("lease") == {}


def test_a_lease_of_a_driver_that_died_is_taken_over_and_it_notices(place: Place) -> None:
    first = Lease(place)
    second = Lease(place, seconds=0.0)  # for whom the first is old
    assert len(place.files("lease")) == 1
    first.renew()
    assert first.lost is not None
    assert f"taken over by process {os.getpid()} on {platform.node()}" in str(first.lost)
    second.renew()
    assert second.lost is None


def test_a_lease_is_as_old_as_the_storage_says(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    Lease(place)
    age_all(place, LEASE_SECONDS - 2.0)
    with pytest.raises(UserError, match="in use"):
        Lease(place)
    age_all(place, 3.0)
    Lease(place)


def test_a_driver_that_comes_back_too_late_gives_way_to_one_about_to_take_over(
    tmp_path: Path,
) -> None:
    """The other has seen that ours is old, and has not yet removed it."""
    place = Folder(tmp_path)
    lease = Lease(place)
    lease._renewed -= LEASE_SECONDS
    place.write("lease/other", b'{"host": "there", "pid": 7}')
    lease.renew()
    assert "taken over by process 7 on there" in str(lease.lost)


def test_a_driver_that_was_cut_off_goes_on_where_nobody_took_over(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    lease = Lease(place)
    lease._renewed -= 10 * LEASE_SECONDS
    lease.renew()
    assert lease.lost is None


def test_one_that_is_only_asking_does_not_take_over(tmp_path: Path) -> None:
    """It is refused a moment later, and the holder must not mind."""
    place = Folder(tmp_path)
    lease = Lease(place)
    place.write("lease/other", b'{"host": "there", "pid": 7}')
    lease.renew()
    assert lease.lost is None


def test_a_mirror_renews_the_lease(working: Path, tmp_path: Path) -> None:
    place, clock = Counting(tmp_path / "place"), Clock()
    lease = Lease(place)
    mirror = Mirror(working, place, PATIENT, lease, clock=clock)
    for _ in range(3):
        settle(mirror)
        clock.now += RENEW_SECONDS
    mirror.close()
    assert len(place.written) == 4


def test_nothing_is_written_to_a_run_that_somebody_else_drives(working: Path, place: Place) -> None:
    clock = Clock()
    lease = Lease(place)
    mirror = Mirror(working, place, PATIENT, lease, clock=clock)
    settle(mirror)
    add(working, "fact\n")
    other = Lease(place, seconds=0.0)
    clock.now += RENEW_SECONDS
    with pytest.raises(StorageError, match="was taken over by"):
        mirror.sync()
    with pytest.raises(StorageError, match="was taken over by"):
        mirror.close()
    assert mirror.failed is lease.lost
    lease.release()
    assert read_journal(place) == b""
    other.renew()
    assert other.lost is None


def test_a_lease_in_a_place_that_cannot_be_reached_is_told(bucket: Place, server: S3Server) -> None:
    lease = Lease(bucket.child(uuid4().hex))
    server.stop()
    try:
        with pytest.raises(StorageError, match="NETWORK_CONNECTION"):
            Lease(bucket.child(uuid4().hex))
        lease.release()  # it ends by itself
    finally:
        server.start()


# -- helpers


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Told:
    """Hears of outages."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.something = threading.Event()

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        self.something.set()


class Counting(Folder):
    """Remembers what was read and written; with an error, nothing can be written."""

    def __init__(self, path: Path, error: Exception | None = None) -> None:
        super().__init__(path)
        self.error = error
        self.written: list[str] = []
        self.was_read: list[str] = []

    def read(self, name: str) -> bytes:
        self.was_read.append(name)
        return super().read(name)

    def write(self, name: str, data: bytes) -> None:
        if self.error:
            raise self.error
        super().write(name, data)
        self.written.append(name)


def settle(mirror: Mirror) -> None:
    """Returns when what is due has been done."""
    for _ in range(5):  # a step begins with the journal, then copies one file
        mirror.sync()


def age_all(place: Folder, seconds: float) -> None:
    now = time.time()
    for name, modified in place.modified().items():
        os.utime(place.path / name, (now, modified - seconds))
