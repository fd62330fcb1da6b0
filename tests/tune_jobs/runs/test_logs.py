"""The output of trials as files: whole, bounded, and never a reason to fail."""

from __future__ import annotations

import copy
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from runs import falling, run_in_folder, tiny_job

from tune_jobs.on_ray.output import kept_output
from tune_jobs.runs import logs
from tune_jobs.runs.logs import Log, Reader
from tune_jobs.storage import Folder


def test_a_text_is_there_at_once(tmp_path: Path) -> None:
    log = Log(Folder(tmp_path / "logs"), "00007.txt", "--- epoch 1")
    assert not (tmp_path / "logs").exists(), "of a silent trial nothing"
    log.write("half")
    assert (tmp_path / "logs/00007.txt").read_text() == "--- epoch 1\nhalf"
    log.write(" a line\n\udce9\n")
    log.close()
    again = Log(Folder(tmp_path / "logs"), "00007.txt", "--- epoch 2")
    again.write("more\n")
    again.close()
    again.write("too late")
    text = (tmp_path / "logs/00007.txt").read_text()
    assert text == "--- epoch 1\nhalf a line\n\\udce9\n--- epoch 2\nmore\n"


def test_a_log_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LIMIT", 100)
    for _ in range(3):  # also under another driver
        log = Log(Folder(tmp_path), "a.txt", "---")
        for number in range(30):
            log.write(f"line {number}\n")
        log.close()
    text = (tmp_path / "a.txt").read_text()
    assert text.count("the rest is left out") == 1
    assert len(text) == 100 + len(logs.CUT)


def test_a_log_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = Log(Folder(tmp_path / "file"), "a.txt", "---")
    log.write("a text")
    log.close()


def test_everything_that_python_prints_is_kept_and_still_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.Logger("mine")
    with kept_output(Folder(tmp_path), "a.txt", "--- epoch 1"):
        logger.addHandler(logging.StreamHandler())
        print("a print")  # noqa: T201
        thread = threading.Thread(target=print, args=["of a thread"])
        thread.start()
        thread.join()
        logger.warning("a log")
    print("not of the trial")  # noqa: T201
    with kept_output(Folder(tmp_path), "b.txt", "--- epoch 2"):
        logger.warning("by a handler of before")
    text = (tmp_path / "a.txt").read_text()
    for said in ("a print\n", "of a thread\n", "a log\n"):
        assert said in text
    assert "not of the trial" not in text
    assert (tmp_path / "b.txt").read_text() == "--- epoch 2\nby a handler of before\n"
    out, err = capsys.readouterr()
    assert "a print\nof a thread\nnot of the trial\n" in out
    assert "a log" in err


def test_the_stream_is_still_a_stream(tmp_path: Path) -> None:
    with kept_output(Folder(tmp_path), "a.txt", "---"):
        assert sys.stdout.encoding
        assert sys.stdout.isatty() is False
        with pytest.raises(TypeError):
            copy.deepcopy(sys.stdout)


def test_a_reader_gives_whole_lines_as_they_come(tmp_path: Path) -> None:
    file, reader = tmp_path / "a.txt", Reader(Folder(tmp_path), "a.txt")
    with pytest.raises(FileNotFoundError):
        list(reader.lines(is_over=False))
    file.write_text("one\ntw")
    assert list(reader.lines(is_over=False)) == ["one"]
    file.write_text("one\ntwo\rthree")
    assert list(reader.lines(is_over=False)) == []
    assert list(reader.lines(is_over=True)) == ["two", "three"]


def test_the_command_shows_a_trial(tune_jobs: Any, tmp_path: Path) -> None:
    folder = run_in_folder(tmp_path / "storage" / "first", tiny_job(), falling)
    log = Log(folder.logs, "00003.txt", "--- epoch 1")
    log.write("a line with [brackets] and \x1b[2J\n")
    log.close()
    for options in ([], ["--follow"]):
        code, out, _ = tune_jobs("logs", "first", "--trial", 3, *options)
        assert code == 0
        assert out == "--- epoch 1\na line with [brackets] and \\x1b[2J\n"
    for silent, words in (("4", "trial 4"), ("test", "the final test")):
        code, out, err = tune_jobs("logs", "first", "--trial", silent)
        assert (code, out) == (0, "")
        assert f"{words} of {folder.path} printed nothing" in err
    for wrong, words in (("99", "0 to 9"), ("a", "'a'")):
        code, _, err = tune_jobs("logs", "first", "--trial", wrong)
        assert code == 2
        assert words in err
