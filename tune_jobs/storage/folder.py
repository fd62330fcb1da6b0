"""A storage that is a folder; its files are written so that no crash leaves half of one."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from tune_jobs.storage.place import FileInfo, Place, filled


class Folder(Place):
    """A folder on this machine, or one that several machines share."""

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

    @contextmanager
    def appending(self, name: str) -> Iterator[IO[bytes]]:
        """What is added appears at once, also if the process dies."""
        _make((self.path / name).parent)
        with (self.path / name).open("ab", buffering=0) as file:
            yield file

    def put_folder(self, name: str, fill: Callable[[Path], None], seal: str) -> None:
        with self._finished(self.path / name) as unfinished:
            unfinished.mkdir()
            filled(fill, unfinished, seal)

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
                with suppress(FileNotFoundError):  # it was finished at this moment
                    _delete(Path(folder, name))

    @contextmanager
    def _finished(self, final: Path) -> Iterator[Path]:
        """A temporary path to write to; it is renamed when everything is on the disk."""
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


def _beside(path: Path) -> Path:
    """A unique name for something that will become ``path``, or that was ``path``."""
    return path.with_name(f".{path.name}-{uuid4().hex[:12]}")


def _make(folder: Path) -> None:
    """Makes a folder that survives a power cut."""
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
