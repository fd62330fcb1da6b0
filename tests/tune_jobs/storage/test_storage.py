from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from s3_server import S3Server, s3_server

from tune_jobs.errors import UserError
from tune_jobs.storage import Bucket, Folder, Place, StorageError, open_place, patiently


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def bucket(server: S3Server) -> Place:
    return open_place(f"{server.new_bucket()}/some/prefix")


@pytest.fixture(scope="module", params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    if request.param == "folder":
        return open_place(str(tmp_path_factory.mktemp("storage")))
    place: Place = request.getfixturevalue("bucket")
    return place


@pytest.fixture
def place(storage: Place) -> Place:
    """One that is not there yet."""
    return storage.child(uuid4().hex)


def filled(files: Mapping[str, bytes]) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    return fill


def contents(place: Place, name: str) -> dict[str, bytes]:
    with place.folder(name) as folder:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_place_that_is_not_there_is_empty(place: Place) -> None:
    assert (place.files(), place.modified(), place.folders()) == ({}, {}, [])
    assert place.files("below/it") == {}
    place.remove("anything")
    place.sweep()
    with pytest.raises(FileNotFoundError):
        place.read("anything")
    with pytest.raises(FileNotFoundError), place.folder("anything"):
        pass


def test_a_file_comes_back_and_is_replaced_and_removed(place: Place) -> None:
    place.write("a/b.json", b"first")
    place.write("a/b.json", b"second")
    place.write("c", b"")
    assert place.read("a/b.json") == b"second"
    assert place.files() == {"a/b.json": 6, "c": 0}
    assert place.files("a") == {"a/b.json": 6}
    assert place.files("a/b.json") == {}
    place.remove("a/b.json")
    assert place.files() == {"c": 0}


def test_folders_are_those_directly_there(place: Place) -> None:
    for name in ("run-2/job.json", "run-1/deep/file", "file"):
        place.write(name, b"x")
    assert place.folders() == ["run-1", "run-2"]


def test_a_child_is_the_same_place_by_a_shorter_name(place: Place) -> None:
    child = place.child("a run").child("b")
    child.write("c", b"x")
    assert place.read("a run/b/c") == b"x"
    assert open_place(child.url).files() == {"c": 1}
    assert open_place(child.url) == child


def test_a_place_travels_to_another_process(place: Place) -> None:
    place.write("a", b"x")  # the connection is made
    again = pickle.loads(pickle.dumps(place))
    assert again.read("a") == b"x"
    assert again == place


def test_a_file_tells_when_it_was_written(place: Place) -> None:
    place.write("lease/a", b"x")
    assert place.modified("lease")["lease/a"] == pytest.approx(time.time(), abs=5.0)


# Control characters and the like are no names in S3's XML.
names = st.text(
    st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", ".."))
folders = st.dictionaries(names, st.binary(max_size=40), max_size=4)


@settings(max_examples=12)
@given(flat=folders, nested=folders)
def test_a_folder_comes_back_as_it_was_filled(
    storage: Place, flat: dict[str, bytes], nested: dict[str, bytes]
) -> None:
    place = storage.child(uuid4().hex)
    below = {f"a folder/ß/{name}": content for name, content in nested.items()}
    files = {**flat, **below, "the seal": b"sealed"}
    place.put_folder("1/folder", filled(files), seal="the seal")
    assert contents(place, "1/folder") == files
    assert place.files()["1/folder/the seal"] == 6


def test_a_large_file_comes_back(bucket: Place) -> None:
    content = os.urandom(2**20) * 12  # more than one part
    bucket.put_folder("large", filled({"weights": content, "seal": b""}), seal="seal")
    assert contents(bucket, "large")["weights"] == content
    bucket.write("large file", content)
    assert bucket.read("large file") == content


def test_a_folder_put_again_replaces_all_of_the_first(place: Place) -> None:
    place.put_folder("a", filled({"old": b"1", "both": b"1", "seal": b"1"}), seal="seal")
    place.put_folder("a", filled({"new": b"2", "both": b"2", "seal": b"2"}), seal="seal")
    assert contents(place, "a") == {"new": b"2", "both": b"2", "seal": b"2"}


def test_a_folder_whose_filling_failed_is_not_there(place: Place) -> None:
    def fill(folder: Path) -> None:
        filled({"seal": b"", "half": b"x"})(folder)
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        place.put_folder("a", fill, seal="seal")
    with pytest.raises(ValueError, match="without its seal 'seal'"):
        place.put_folder("a", filled({"half": b"x"}), seal="seal")
    assert place.files() == {}
    if isinstance(place, Folder):
        assert list(place.path.iterdir()) == []


def test_a_removed_folder_is_gone_with_all_in_it(place: Place) -> None:
    for name in ("a", "a-b"):
        place.put_folder(name, filled({"deep/x": b"1", "seal": b""}), seal="seal")
    place.remove("a")
    assert place.files() == {"a-b/deep/x": 1, "a-b/seal": 0}


def test_a_folder_is_sealed_last_and_unsealed_first(
    bucket: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails on the way, what is there does not look complete."""
    files = {f"file-{number}": b"x" for number in range(5)}
    place = bucket.child(uuid4().hex)
    upload = Bucket._upload

    def fail(self: Bucket, local: Path, name: str) -> None:
        if name.endswith("file-3"):
            raise OSError("the network is down")
        upload(self, local, name)

    place.put_folder("a", filled({**files, "seal": b""}), seal="seal")
    monkeypatch.setattr(Bucket, "_upload", fail)
    with pytest.raises(OSError, match="network"):
        place.put_folder("a", filled({**files, "seal": b""}), seal="seal")
    assert "a/seal" not in place.files()


KILLED = """
import os, pathlib, signal, sys
from tune_jobs.storage import Folder
place = Folder(pathlib.Path(sys.argv[1]))
def die(folder):
    (folder / "seal").write_text("sealed")
    os.kill(os.getpid(), signal.SIGKILL)
place.put_folder("a", die, seal="seal")
"""


def test_a_process_killed_while_filling_leaves_nothing_that_looks_complete(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    place.put_folder("a", filled({"seal": b"before"}), seal="seal")
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert place.read("a/seal") == b"before"
    assert place.files() == {"a/seal": 6}
    assert place.folders() == ["a"]
    assert len(os.listdir(tmp_path)) == 2
    place.sweep()
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_makes_way_for_a_folder(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    place.write("a", b"x")
    place.put_folder("a", filled({"seal": b""}), seal="seal")
    assert place.files() == {"a/seal": 0}


@pytest.mark.parametrize(
    ("given_url", "told"),
    [
        ("ftp://host/path", r"'ftp'.*s3:// or gs://"),
        ("s3://", "has no bucket; give s3://bucket/prefix"),
        ("s3:/bucket/prefix", "has no bucket"),
        ("s3://bucket?regoin=x", "'regoin'; there are: endpoint_override, region, scheme"),
        ("gs://bucket?region=x", "'region'; there are: endpoint_override"),
    ],
)
def test_a_url_that_is_wrong_is_told(given_url: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        open_place(given_url)


def test_a_key_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UserError, match="AWS_ACCESS_KEY_ID") as refused:
        open_place("s3://key:secret@bucket")
    assert "secret@" not in str(refused.value)


def test_a_path_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_place("some/results").url == str(tmp_path / "some/results")
    assert open_place("~").url == str(Path.home())
    assert open_place("gs://bucket/prefix/").child("run 1").url == "gs://bucket/prefix/run%201"


def test_the_url_can_name_the_endpoint(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    address, bucket = server.url.removeprefix("http://"), server.new_bucket()
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    place = open_place(f"{bucket}?endpoint_override={address}&scheme=http").child("run")
    place.write("a", b"x")
    assert open_place(place.url).read("a") == b"x"
    assert open_place(place.url).child("b").url.startswith(f"{bucket}/run/b?endpoint_override=")


def test_a_server_that_is_gone_fails_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # not listening: connections are refused
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        place, started = open_place("s3://bucket/prefix"), time.monotonic()
        with pytest.raises(OSError, match="NETWORK_CONNECTION"):
            place.read("a")
        assert time.monotonic() - started < 10.0


def test_pyarrow_is_not_imported_before_it_is_needed() -> None:
    script = """
import sys
from tune_jobs.storage import open_place
open_place("s3://bucket/a").child("b"), open_place("a").files()
print("pyarrow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"False\n"


class Clock:
    """Time passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Failing:
    """Fails a number of times."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.left, self.error = times, error or OSError("it is down")

    def __call__(self) -> str:
        self.left -= 1
        if self.left >= 0:
            raise self.error
        return "done"


def test_what_fails_is_tried_again_at_growing_intervals() -> None:
    clock, told = Clock(), list[str]()
    action = Failing(10)
    assert patiently(action, 60.0, told.append, "x failed", clock.wait, clock) == "done"
    assert clock.waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0])
    assert told == [
        "x failed: it is down; tried again for 60 s",
        "the storage is back after 43 s",
    ]


def test_what_succeeds_at_once_is_not_told() -> None:
    told = list[str]()
    assert patiently(Failing(0), 60.0, told.append) == "done"
    assert told == []


@settings(max_examples=20)
@given(seconds=st.floats(0.0, 1000.0))
def test_patience_ends_with_the_last_error(seconds: float) -> None:
    clock = Clock()
    with pytest.raises(StorageError, match=r"saving failed, \d+ tries in .*: it is down") as raised:
        patiently(Failing(10**6), seconds, what="saving failed", wait=clock.wait, clock=clock)
    assert seconds <= clock.now - 100.0 <= seconds + 10.0
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.parametrize("error", [FileNotFoundError("no such file"), ValueError("a bug")])
def test_an_answer_is_not_asked_for_again(error: Exception) -> None:
    clock = Clock()
    with pytest.raises(type(error)):
        patiently(Failing(1, error), 60.0, wait=clock.wait, clock=clock)
    assert clock.waits == []


def test_what_is_appended_comes_at_the_end(place: Place) -> None:
    for text in (b"one", b"two", b""):
        with place.appending("deep/log.txt") as file:
            size = file.tell()
            file.write(text)
            assert file.tell() == size + len(text)
    assert place.read("deep/log.txt") == b"onetwo"
