"""Where files are kept: a folder that every node can reach, or a prefix in a bucket.

    place = open_place("s3://bucket/results").child("run-1")
    place.write("job.json", b"{}")

A `Place` travels to the workers. Its names are relative paths with ``/``; what fails in it
arrives as OSError, and `patiently` tries that again.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from uuid import uuid4

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    wait_exponential,
)

from tune_jobs.errors import UserError

T = TypeVar("T")

# Of a URL's query, per scheme.
_OPTIONS = {
    "s3": ("endpoint_override", "region", "scheme"),
    "gs": ("endpoint_override", "retry_limit_seconds", "scheme"),
}
_CONNECT_SECONDS, _SILENCE_SECONDS, _ATTEMPTS = 3.0, 6.0, 2  # a server that is gone costs seconds
_TRANSFERS = 4  # at a time
_CHUNK = 16 * 2**20  # bytes of a download per request


class StorageError(UserError):
    """The storage stayed away for longer than the run's patience, or is somebody else's now."""


class FileInfo(NamedTuple):
    """A file's name, its bytes, and when it was written by the clock of who keeps it."""

    name: str
    size: int
    modified: float


class Place(ABC):
    """A folder of files, here or in a bucket; it need not be there.

    Attributes:
        url: an absolute path, or ``s3://bucket/prefix``; `open_place` makes the place of it again.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.url == other.url

    def __hash__(self) -> int:
        return hash(self.url)

    @abstractmethod
    def child(self, name: str) -> Place:
        """The place below with this name."""

    @abstractmethod
    def infos(self, below: str = "") -> Iterator[FileInfo]:
        """Every file below, in no order; none where there is nothing."""

    def files(self, below: str = "") -> dict[str, int]:
        """Every file below: name -> bytes. A folder's unfinished things, whose names start with a
        dot, are not files."""
        return {info.name: info.size for info in self.infos(below)}

    def modified(self, below: str = "") -> dict[str, float]:
        """Every file below: name -> when it was written; a bucket tells whole seconds."""
        return {info.name: info.modified for info in self.infos(below)}

    @abstractmethod
    def folders(self) -> list[str]:
        """The names of the folders directly here, sorted."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Makes or replaces a file: whole, or not at all."""

    @abstractmethod
    def put_folder(self, name: str, fill: Callable[[Path], None], seal: str) -> None:
        """Makes or replaces a folder: whole, or without its seal.

        Args:
            fill: writes the files into the local folder it is given.
            seal: the one of them whose presence says that the folder is complete.
        """

    @abstractmethod
    def folder(self, name: str) -> AbstractContextManager[Path]:
        """A local folder with the files of this one: itself, or a copy for a while; only to be
        read. Raises FileNotFoundError."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes a file, or everything below; fine where there is nothing."""

    def sweep(self) -> None:
        """Removes what writers that died left unfinished; nobody may be writing meanwhile."""


def open_place(url_or_path: str) -> Place:
    """Raises UserError for what is neither a path nor a URL of a bucket."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", url_or_path):
        return Bucket(url_or_path)
    return Folder(Path(url_or_path))


class Folder(Place):
    """A folder of this machine, or one that many share."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        super().__init__(str(self.path))

    def child(self, name: str) -> Folder:
        return Folder(self.path / name)

    def infos(self, below: str = "") -> Iterator[FileInfo]:
        for folder, folders, files in os.walk(self.path / below):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for path in (Path(folder, name) for name in files if not name.startswith(".")):
                with suppress(FileNotFoundError):  # removed meanwhile
                    stat = path.stat()
                    yield FileInfo(
                        path.relative_to(self.path).as_posix(), stat.st_size, stat.st_mtime
                    )

    def folders(self) -> list[str]:
        return sorted(path.name for path in self.path.glob("[!.]*") if path.is_dir())

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        with self._finished(self.path / name) as unfinished:
            unfinished.write_bytes(data)

    def put_folder(self, name: str, fill: Callable[[Path], None], seal: str) -> None:
        with self._finished(self.path / name) as unfinished:
            unfinished.mkdir()
            _fill(fill, unfinished, seal)

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        path = self.path / name
        if not path.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        yield path

    def remove(self, name: str) -> None:
        gone = _beside(self.path / name)  # what is half removed must not look complete
        with suppress(FileNotFoundError):
            (self.path / name).rename(gone)
            _delete(gone)

    def sweep(self) -> None:
        for folder, folders, files in os.walk(self.path):
            for name in [name for name in [*folders, *files] if name.startswith(".")]:
                _delete(Path(folder, name))

    @contextmanager
    def _finished(self, final: Path) -> Iterator[Path]:
        """A path to write to, which gets its name when all of it is on the disk."""
        _make(final.parent)
        unfinished = _beside(final)
        try:
            yield unfinished
            for path in [*unfinished.rglob("*"), unfinished]:
                _sync(path)
            self._rename(unfinished, final)
        except BaseException:
            with suppress(FileNotFoundError):
                _delete(unfinished)
            raise
        _sync(final.parent)

    def _rename(self, unfinished: Path, final: Path) -> None:
        try:
            unfinished.replace(final)
        except OSError as error:  # a folder does not replace one with files in it
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            self.remove(str(final.relative_to(self.path)))
            unfinished.replace(final)


class Bucket(Place):
    """A prefix in a bucket, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    Stores other than Amazon's are named by $AWS_ENDPOINT_URL, or behind the URL by
    ``?endpoint_override=host:port&scheme=http``. Credentials come from where the provider's own
    tools look for them. A bucket has no empty folders.

    Raises UserError for a URL that is none of these.
    """

    def __init__(self, url: str) -> None:
        scheme, bucket, prefix, query, _ = urlsplit(url, allow_fragments=False)
        self._scheme, self._bucket, self._query = scheme, bucket, query
        self._prefix = prefix.strip("/")
        _check(url, scheme, bucket, dict(parse_qsl(query)))
        super().__init__(self._url(self._prefix))

    def child(self, name: str) -> Bucket:
        return Bucket(self._url(f"{self._prefix}/{quote(name)}".strip("/")))

    def infos(self, below: str = "") -> Iterator[FileInfo]:
        own = len(self._path()) + 1
        for info in self._list(below, recursive=True):
            if info.is_file:
                yield FileInfo(info.path[own:], info.size, info.mtime.timestamp())

    def folders(self) -> list[str]:
        infos = self._list("", recursive=False)
        return sorted(info.base_name for info in infos if not info.is_file)

    def read(self, name: str) -> bytes:
        with self._system().open_input_stream(self._path(name)) as stream:
            data: bytes = stream.read()
        return data

    def write(self, name: str, data: bytes) -> None:
        with self._system().open_output_stream(self._path(name)) as stream:
            stream.write(data)

    def put_folder(self, name: str, fill: Callable[[Path], None], seal: str) -> None:
        with TemporaryDirectory(prefix="tune-jobs-") as temporary:
            local = Path(temporary)
            _fill(fill, local, seal)
            names = [path.relative_to(local).as_posix() for path in _files(local)]
            names.remove(seal)
            if self.files(name):
                self.remove(f"{name}/{seal}")
                self.remove(name)
            with ThreadPoolExecutor(_TRANSFERS) as threads:
                list(threads.map(lambda file: self._upload(local / file, f"{name}/{file}"), names))
            self._upload(local / seal, f"{name}/{seal}")

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        from pyarrow.fs import copy_files

        if not self.files(name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self.url}/{name}")
        with TemporaryDirectory(prefix="tune-jobs-") as local:
            copy_files(self._path(name), local, source_filesystem=self._system(), chunk_size=_CHUNK)
            yield Path(local)

    def remove(self, name: str) -> None:
        system, path = self._system(), self._path(name)
        with suppress(FileNotFoundError):  # somebody else removed it
            info = system.get_file_info(path)
            if info.is_file:
                system.delete_file(path)
            elif info.type.name == "Directory":
                system.delete_dir(path)

    def _upload(self, local: Path, name: str) -> None:
        from pyarrow.fs import copy_files

        copy_files(str(local), self._path(name), destination_filesystem=self._system())

    def _list(self, below: str, recursive: bool) -> list[Any]:
        from pyarrow.fs import FileSelector

        selector = FileSelector(self._path(below), recursive=recursive, allow_not_found=True)
        found: list[Any] = self._system().get_file_info(selector)
        return found

    def _url(self, prefix: str) -> str:
        return f"{self._scheme}://{self._bucket}/{prefix}".rstrip("/") + self._query_part()

    def _query_part(self) -> str:
        return f"?{self._query}" if self._query else ""

    def _path(self, name: str = "") -> str:
        return "/".join(part for part in (self._bucket, unquote(self._prefix), name) if part)

    def _system(self) -> Any:
        """The pyarrow file system, made once in each process: it cannot travel."""
        if self._scheme == "s3":
            return _s3(self._bucket, self._query, _aws_endpoint())
        return _google(self._bucket, self._query)


def patiently(
    action: Callable[[], T],
    seconds: float,
    told: Callable[[str], None] = lambda text: None,
    what: str = "the storage failed",
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """What ``action`` returns, which is tried again for ``seconds`` after it first failed.

    ``told`` hears when that begins and when it ends well. FileNotFoundError is an answer and is
    raised at once. Raises StorageError, with ``what`` and the last error, when time is up.
    """
    failed_at: list[float] = []

    def is_over(_: RetryCallState) -> bool:
        failed_at.append(clock())
        return failed_at[-1] - failed_at[0] >= seconds

    def tell(attempt: RetryCallState) -> None:
        if attempt.attempt_number == 1 and attempt.outcome:
            told(f"{what}: {attempt.outcome.exception()}; tried again for {seconds:.0f} s")

    retrying = Retrying(
        retry=retry_if_exception_type(OSError) & retry_if_not_exception_type(FileNotFoundError),
        wait=wait_exponential(multiplier=0.1, max=10.0),
        stop=is_over,
        sleep=wait,
        before_sleep=tell,
        reraise=True,
    )
    try:
        result = retrying(action)
    except FileNotFoundError:
        raise
    except OSError as error:
        tries = f"{len(failed_at)} tries in {failed_at[-1] - failed_at[0]:.0f} s"
        raise StorageError(f"{what}, {tries}: {error}") from error
    if failed_at:
        told(f"the storage is back after {clock() - failed_at[0]:.0f} s")
    return result


def _check(url: str, scheme: str, bucket: str, options: dict[str, str]) -> None:
    if scheme not in _OPTIONS:
        raise UserError(f"storage {url!r} has scheme {scheme!r}; give a folder, s3:// or gs://")
    if "@" in bucket and scheme == "s3":
        raise UserError("the storage's URL has a key in it; give it in $AWS_ACCESS_KEY_ID")
    if not bucket:
        raise UserError(f"storage {url!r} names no bucket; give {scheme}://bucket/prefix")
    for option in options:
        if option not in _OPTIONS[scheme]:
            allowed = ", ".join(_OPTIONS[scheme])
            raise UserError(f"storage {url!r} has option {option!r}; there are: {allowed}")


def _aws_endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


@cache
def _s3(bucket: str, query: str, endpoint: str | None) -> Any:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

    options = dict(parse_qsl(query))
    if endpoint and "endpoint_override" not in options:
        scheme, _, address = endpoint.rstrip("/").rpartition("://")
        options |= {"endpoint_override": address, "scheme": scheme or "https"}
    if "region" not in options and "endpoint_override" not in options:
        options["region"] = resolve_s3_region(bucket)
    return S3FileSystem(
        **options,
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_SILENCE_SECONDS,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        allow_delayed_open=True,  # one request for a small file, where there would be three
    )


@cache
def _google(bucket: str, query: str) -> Any:
    from pyarrow.fs import FileSystem

    options = {"retry_limit_seconds": f"{_SILENCE_SECONDS:.0f}", **dict(parse_qsl(query))}
    text = "&".join(f"{name}={quote(value)}" for name, value in options.items())
    return FileSystem.from_uri(f"gs://{bucket}?{text}")[0]


def _fill(fill: Callable[[Path], None], folder: Path, seal: str) -> None:
    fill(folder)
    if not (folder / seal).is_file():
        raise ValueError(f"the folder was filled without its seal {seal!r}")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _beside(path: Path) -> Path:
    """A name of its own for what is on the way to ``path`` or from it."""
    return path.with_name(f".{path.name}-{uuid4().hex[:12]}")


def _make(folder: Path) -> None:
    """Makes a folder that outlives a power cut."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
