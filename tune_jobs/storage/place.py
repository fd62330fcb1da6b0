"""What a storage can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple


class FileInfo(NamedTuple):
    """A file's name, its bytes, and when it was written by the storage's clock."""

    name: str
    size: int
    modified: float


class Place(ABC):
    """A folder of files, here or in a bucket; it may not exist.

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
        """Every file below, in no order; none if the folder does not exist."""

    def files(self, below: str = "") -> dict[str, int]:
        """Every file below: name -> bytes. Unfinished files, whose names start with a dot, do not
        count."""
        return {info.name: info.size for info in self.infos(below)}

    def modified(self, below: str = "") -> dict[str, float]:
        """Every file below: name -> when it was written; a bucket has whole seconds."""
        return {info.name: info.modified for info in self.infos(below)}

    @abstractmethod
    def folders(self) -> list[str]:
        """The names of the folders directly here, sorted."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Makes or replaces a file: completely or not at all."""

    @contextmanager
    def appending(self, name: str) -> Iterator[IO[bytes]]:
        """A file that is open at its end, maybe a new one. What is added may appear only when it is
        closed. Only one may write to it."""
        file = BytesIO()
        with suppress(FileNotFoundError):
            file.write(self.read(name))
        yield file
        self.write(name, file.getvalue())

    @abstractmethod
    def put_folder(self, name: str, fill: Callable[[Path], None], seal: str) -> None:
        """Makes or replaces a folder: completely, or without its seal.

        Args:
            fill: writes the files into the local folder that it gets.
            seal: the file whose presence means that the folder is complete.
        """

    @abstractmethod
    def folder(self, name: str) -> AbstractContextManager[Path]:
        """A local folder with the files of this one, for reading: itself, or a temporary copy.
        Raises FileNotFoundError."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes a file, or everything below; no error if there is nothing. An empty name stands
        for the place itself."""

    def sweep(self) -> None:
        """Removes what dead writers left unfinished; nobody may write at the same time."""


def filled(fill: Callable[[Path], None], folder: Path, seal: str) -> None:
    """Lets ``fill`` write a folder. Raises ValueError if the seal is missing."""
    fill(folder)
    if not (folder / seal).is_file():
        raise ValueError(f"the folder was filled without its seal {seal!r}")
