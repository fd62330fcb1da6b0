"""What a trial prints is kept, whatever an earlier trial did to the streams of the process."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any, TextIO

import pytest

from tune_jobs.on_ray.output import kept_output
from tune_jobs.storage import Folder


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def closed() -> TextIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    "stream",
    [io.StringIO(), None, closed(), Full(), io.TextIOWrapper(io.BytesIO(), encoding="ascii")],
    ids=["good", "none", "closed", "full", "ascii"],
)
def test_it_is_kept(stream: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    with kept_output(Folder(tmp_path), "00000.txt", "[epoch 1]"):
        print("a naïve trial", flush=True)  # noqa: T201
    assert (tmp_path / "00000.txt").read_text() == "[epoch 1]\na naïve trial\n"
