"""The package as users have it: a wheel in an environment of its own, beside a project whose
modules have the names of our folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from zipfile import ZipFile

import psutil
import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
OF_THE_TESTS = {"RAY_ADDRESS", "PYTHONPATH", "TUNE_JOBS_STORAGE"}
RAISES = "raise RuntimeError('nobody asked for this module')\n"
NET = """
import json
from dataclasses import dataclass
from helpers import TARGET
from tune_jobs import Model

class Net(Model):
    @dataclass(frozen=True)
    class Config:
        x: float = 0.5

    def __init__(self, config):
        super().__init__(config)
        self.epoch = 0

    def train_epoch(self):
        self.epoch += 1
        return {}

    def evaluate(self):
        return {"loss": (self.config.x - TARGET) ** 2 + 1 / self.epoch}

    def test(self):
        return {"test_loss": (self.config.x - TARGET) ** 2}

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]

    def save(self, folder):
        (folder / "state.json").write_text(json.dumps(self.state_dict()))

    def load(self, folder):
        self.load_state_dict(json.loads((folder / "state.json").read_text()))
"""
JOB = """
from {module} import Net
from tune_jobs import Float, TuneJob, main

job = TuneJob(name="own", model={model}, space={{"x": Float(0, 1)}}, metric="loss", mode="min",
              searcher="random", num_samples=1, max_epochs=2)
if __name__ == "__main__":
    main(job)
"""
SHELL_JOB = """
from tune_jobs import Float, TuneJob

job = TuneJob(name="shell", model="command", space={"command": "echo {x}", "x": Float(0, 1)},
              metric="value", mode="min", searcher="random", num_samples=1, max_epochs=1)
"""
BESIDE = {
    "search_algos.py": RAISES,
    "tests/__init__.py": RAISES,
    "helpers.py": "TARGET = 0.3\n",
    "shell_job.py": SHELL_JOB,
}
LAYOUTS = {
    "package": {"models/__init__.py": "", "models/net.py": NET},
    "folder": {"models/net.py": NET},
    "file": {"models.py": NET},
    "never imported": {"models.py": RAISES},
}


@dataclass(frozen=True)
class Installed:
    """The fresh environment, and processes of it on a Ray of their own."""

    bin: Path
    ray: Path  # Ray's temporary folder

    def run(self, program: str, *arguments: object, cwd: Path) -> str:
        """What a successful process says."""
        environment = {name: v for name, v in os.environ.items() if name not in OF_THE_TESTS}
        done = subprocess.run(
            [self.bin / program, *map(str, arguments)],
            cwd=cwd,
            env={**environment, "RAY_TMPDIR": str(self.ray), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert not done.returncode, done.stdout + done.stderr
        return done.stdout

    def processes(self) -> list[psutil.Process]:
        """Those that are left of all that were started."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("RAY_TMPDIR") == str(self.ray):
                    found.append(process)
        return found


def uv(*arguments: object) -> None:
    done = subprocess.run([UV, *map(str, arguments)], capture_output=True, text=True)
    assert not done.returncode, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel made from it, and in `direct` one made without."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--out-dir", folder, ROOT)
    uv("build", "--wheel", "--out-dir", folder / "direct", ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("environment") / "with a space"
    python = folder / "bin" / "python"
    uv("venv", "--python", sys.executable, folder)
    lock = ROOT / "requirements.lock"
    uv("pip", "install", "--python", python, "--constraint", lock, *built.glob("*.whl"))
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "helpers.py").write_text(RAISES)  # of another library, as happens
    with tempfile.TemporaryDirectory(prefix="tj") as ray:  # Ray's sockets want short paths
        environment = Installed(folder / "bin", Path(ray))
        try:
            yield environment
            _, left = psutil.wait_procs(environment.processes(), timeout=30)
            assert not left
        finally:
            for process in environment.processes():
                process.kill()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "else where"
    folder.mkdir()
    return folder


def project(tmp_path: Path, layout: str, model: str = "Net") -> Path:
    """A user's project, with a space in its path."""
    folder = tmp_path / "my project"
    module = "models" if layout == "file" else "models.net"
    job = JOB.format(module=module, model=model.format(module=module))
    for name, text in {**BESIDE, **LAYOUTS[layout], "my_job.py": job}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names(wheel: Path) -> list[str]:
    return ZipFile(wheel).namelist()


def test_the_wheel_holds_tune_jobs_alone_and_whole(built: Path) -> None:
    (wheel,), (direct,) = built.glob("*.whl"), built.glob("direct/*.whl")
    assert names(wheel) == names(direct), "whether built from the sdist or not"
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tune_jobs"}
    source = ROOT / "tune_jobs"
    for folder in (source, source / "models", source / "search_algos"):
        files = [f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
        assert files
        assert {str(f.relative_to(ROOT)) for f in files} <= set(names(wheel))


def test_the_sdist_holds_nothing_twice(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        places = Counter(name for name in archive.getnames() if name.endswith(".py"))
        texts = Counter(archive.extractfile(name).read() for name in places)  # type: ignore[union-attr]
    assert {name.split("/")[1] for name in places} == {"tune_jobs"}
    assert not {text for text, count in texts.items() if text and count > 1}


def test_what_is_installed_is_tune_jobs_and_its_command(installed: Installed) -> None:
    script = "from importlib.metadata import files; print(*files('tune-jobs'), sep='\\n')"
    files = [PurePath(line) for line in installed.run("python", "-c", script, cwd=ROOT).split()]
    tops = {file.parts[0] for file in files if not file.parts[0].endswith(".dist-info")}
    assert tops == {"tune_jobs", ".."}
    assert [file.name for file in files if file.parts[0] == ".."] == ["tune-jobs"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_light_commands_work_beside_any_project(
    installed: Installed, tmp_path: Path, layout: str
) -> None:
    folder = project(tmp_path, layout)
    assert "digits_cnn" in installed.run("tune-jobs", "list", cwd=folder)
    assert "digits_cnn" in installed.run("python", "-m", "tune_jobs", "list", cwd=folder)


@pytest.mark.parametrize(
    ("layout", "model", "program", "inside"),
    [
        ("package", "Net", "tune-jobs run", True),
        ("package", "Net", "python", False),
        ("package", "'{module}:Net'", "tune-jobs run", False),
        ("folder", "Net", "python", True),
        ("file", "'{module}:Net'", "python", False),
        ("file", "Net", "tune-jobs run", True),
    ],
)
def test_a_job_with_a_module_of_the_projects_own_runs_and_is_resumed(
    installed: Installed,
    tmp_path: Path,
    elsewhere: Path,
    layout: str,
    model: str,
    program: str,
    inside: bool,
) -> None:
    folder = project(tmp_path, layout, model)
    cwd, job = (folder, Path("my_job.py")) if inside else (elsewhere, folder / "my_job.py")
    installed.run(*program.split(), job, "--name", "first", cwd=cwd)
    run = cwd / "results" / "first"
    installed.run("tune-jobs", "resume", run, "--samples", "+1", cwd=tmp_path)
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["trials"]["total"], summary["trials"]["failed"]) == (2, 0)
    config, test = summary["best"]["config"], summary["best"]["test"]
    assert test["test_loss"] == pytest.approx((config["x"] - 0.3) ** 2)


@pytest.mark.parametrize(
    ("layout", "program", "arguments"),
    [
        (
            "never imported",
            "python -m tune_jobs run",
            "digits_cnn --samples 3 --max-epochs 3 --set scheduler.grace_period=1",
        ),
        ("package", "tune-jobs run", "shell_job.py"),
    ],
)
def test_a_job_that_needs_none_of_it_runs_there(
    installed: Installed, tmp_path: Path, layout: str, program: str, arguments: str
) -> None:
    folder = project(tmp_path, layout)
    installed.run(*program.split(), *arguments.split(), "--name", "ready", cwd=folder)
    summary = json.loads((folder / "results" / "ready" / "summary.json").read_text())
    assert summary["status"] == "finished"
    assert summary["trials"]["failed"] == 0
