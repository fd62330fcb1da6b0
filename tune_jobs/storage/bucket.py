"""A storage that is a prefix in a bucket, through the file systems of pyarrow."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tune_jobs.errors import UserError
from tune_jobs.storage.place import FileInfo, Place, filled

# Options in a URL's query, per scheme.
_OPTIONS = {
    "s3": ("endpoint_override", "region", "scheme"),
    "gs": ("endpoint_override", "retry_limit_seconds", "scheme"),
}
_CONNECT_SECONDS, _SILENCE_SECONDS, _ATTEMPTS = 3.0, 6.0, 2  # a server that is gone costs seconds
_TRANSFERS = 4  # at a time
_CHUNK = 16 * 2**20  # bytes of a download per request


class Bucket(Place):
    """A prefix in a bucket, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.

    For stores other than Amazon's, set $AWS_ENDPOINT_URL or append
    ``?endpoint_override=host:port&scheme=http`` to the URL. Credentials are found where the
    provider's own tools look for them. A bucket has no empty folders.

    Raises UserError for any other URL.
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
            filled(fill, local, seal)
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
        # Not pyarrow's copy_files: it raises no error if a small file was not written.
        output = self._system().open_output_stream(self._path(name))
        with local.open("rb") as source, output as stream:
            shutil.copyfileobj(source, stream, _CHUNK)

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
        """The pyarrow file system, made once per process, because it cannot be pickled."""
        if self._scheme == "s3":
            return _s3(self._bucket, self._query, _aws_endpoint())
        return _google(self._bucket, self._query)


def _check(url: str, scheme: str, bucket: str, options: dict[str, str]) -> None:
    if scheme not in _OPTIONS:
        raise UserError(f"storage {url!r} has scheme {scheme!r}; give a folder, s3:// or gs://")
    if "@" in bucket and scheme == "s3":
        raise UserError("the storage's URL contains a key; set $AWS_ACCESS_KEY_ID instead")
    if not bucket:
        raise UserError(f"storage {url!r} has no bucket; give {scheme}://bucket/prefix")
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


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
