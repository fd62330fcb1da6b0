"""Report, comparison, dashboard and TensorBoard, opened in headless Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from runs import falling, run_in_folder, tiny_job

from tune_jobs.runs.folder import RunFolder
from tune_jobs.search_algos.domains import Choice, Float
from tune_jobs.views.pages.compare import page_of
from tune_jobs.views.pages.dashboard import server
from tune_jobs.views.pages.record import Record
from tune_jobs.views.pages.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on the PATH"),
    pytest.mark.timeout(600),
]
SPACE = {"x": Float(1e-3, 1, log=True), "y": Float(0, 1), "kind": Choice(["a", "b"])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    job = tiny_job(space=SPACE, num_samples=40)
    return run_in_folder(tmp_path_factory.mktemp("runs") / "first", job, falling)


def opened(address: str, width: int = 1400, dark: bool = False) -> str:
    """The page after its scripts ran. Fails for an error on the console."""
    flags = ["--headless", "--no-sandbox", "--virtual-time-budget=20000", "--dump-dom"]
    flags += [f"--window-size={width},2000", "--enable-logging=stderr"]
    flags += ["--blink-settings=preferredColorScheme=0"] if dark else []
    command = [str(CHROMIUM), *flags, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    wrong = [line for line in said if re.search("error|exception|failed", line, re.IGNORECASE)]
    assert not wrong
    return done.stdout


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1400, 500])
def test_the_report_draws_its_figures(folder: RunFolder, width: int, dark: bool) -> None:
    page = opened(write_report(folder).as_uri(), width, dark)
    assert 'data-drawn="yes"' in page
    assert page.count('class="plot-container') == 8
    assert "need a browser" not in page.partition("<script>")[0]
    assert "Best configuration" in page


def test_the_comparison_draws_its_figures(folder: RunFolder, tmp_path: Path) -> None:
    other = run_in_folder(tmp_path / "second", tiny_job(space=SPACE, seed=1), falling)
    page_of([Record.read(folder), Record.read(other)]).write(tmp_path / "both.html")
    page = opened((tmp_path / "both.html").as_uri())
    assert page.count('class="plot-container') == 7


@pytest.mark.parametrize("width", [1400, 500])
def test_the_dashboard_shows_a_run(folder: RunFolder, width: int) -> None:
    with server(lambda: [folder], 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{serving.server_port}/dashboard"
        assert "first" in opened(f"{address}/", width)
        page = opened(f"{address}/studies/0", width)
        trials = opened(f"{address}/studies/0/trials", width)
        serving.shutdown()
    for words in ("History", "Hyperparameter Importance", "Best Trial"):
        assert words in page
    assert "Trial 0" in trials


def test_tensorboard_shows_a_run(folder: RunFolder) -> None:
    with tensorboard(folder) as address:
        assert "loss" in opened(f"{address}/#timeseries")
        opened(f"{address}/#hparams")  # its table is in a shadow, so here is what it is made of:
        url, told = (
            f"{address}/data/plugin/hparams/experiment",
            {"Content-Type": "application/json"},
        )
        asked = Request(url, b'{"experimentName": ""}', told)
        columns = json.load(urlopen(asked))["hparamInfos"]
    assert {column["name"] for column in columns} >= {"x", "y", "kind"}


@contextmanager
def tensorboard(folder: RunFolder) -> Iterator[str]:
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder.tensorboard)]
    command += ["--port", "0", "--host", "127.0.0.1"]
    serving = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert serving.stderr
        lines = iter(serving.stderr.readline, "")
        found = (re.search(r"http://[\w.]+:\d+", line) for line in lines)
        address = next(match[0] for match in found if match).replace("localhost", "127.0.0.1")
        urlopen(address).read()
        yield address
    finally:
        serving.terminate()
        serving.wait()
