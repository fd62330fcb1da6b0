"""Job files as strangers write them: each mistake is one message, and each way to start a run is
one that a resume finds again."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tune_jobs.errors import UserError
from tune_jobs.job.code import as_started, import_file
from tune_jobs.job.declaration import as_json, rebuilt
from tune_jobs.job.files import load_job

JOB = """
from dataclasses import dataclass
from tune_jobs import Float, Model, TuneJob, main

class Net(Model):
    @dataclass(frozen=True)
    class Config:
        x: float = 0.0
    def train_epoch(self): return {}
    def evaluate(self): return {"loss": 1.0}
    def test(self): return {}
    def state_dict(self): return {}
    def load_state_dict(self, state): pass

job = TuneJob(name="mine", model=Net, space={"x": Float(0, 1)}, metric="loss", mode="min")
"""
IMPORTS_ITS_MODEL = """
from tune_jobs import Float, TuneJob
from {module} import Net
job = TuneJob(name="mine", model=Net, space={{"x": Float(0, 1)}}, metric="loss", mode="min")
"""


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a job file does to this process is undone."""
    modules, folder = set(sys.modules), os.getcwd()
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    os.chdir(folder)
    for name in set(sys.modules) - modules:
        if not name.startswith("tune_jobs"):
            del sys.modules[name]


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def forget_modules_of(folder: Path) -> None:
    """As a process does that starts anew."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    sys.path[:] = [path for path in sys.path if not path.startswith(str(folder))]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("import sys\nsys.exit(3)", ["exits (exit code 3)", "__main__", "sys.exit(3)"]),
        (
            "from argparse import *\np = ArgumentParser()\np.add_argument('data')\np.parse_args()",
            ["exits (exit code 2)", "__main__", "p.parse_args()"],
        ),
        ("raise SystemExit('no data')", ["no data", "__main__"]),
        ("import tune_jobs\ntune_jobs.run(job)", ["starts a run when it is imported", "__main__"]),
        ("1 / 0", ["ZeroDivisionError", "1 / 0"]),
        ("class Skip(BaseException): pass\nraise Skip('no GPU')", ["Skip: no GPU", "raise Skip"]),
        ("import no_such_module", ["no_such_module"]),
        ("def f(:", ["SyntaxError", "def f(:"]),
    ],
)
def test_what_a_file_does_wrong_when_it_is_imported_is_one_message(
    tmp_path: Path, more: str, words: list[str]
) -> None:
    path = written(tmp_path / "my project" / "mine.py", f"{JOB}\n{more}\n")
    with pytest.raises(UserError) as error:
        load_job(str(path))
    for word in [str(path), *words]:
        assert word in str(error.value)
    assert "importlib" not in str(error.value)


@pytest.mark.parametrize("name", ["random.py", "queue.py", "torch.py", "optuna.py", "ray.py"])
def test_a_file_that_hides_a_library_is_named(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, JOB)
    with pytest.raises(UserError, match=f"{name}.*another name"):
        load_job(str(path))


def test_so_is_a_neighbour_that_hides_one(tmp_path: Path) -> None:
    written(tmp_path / "torch.py", "")
    with pytest.raises(UserError, match=r"torch\.py.*another name"):
        load_job(str(written(tmp_path / "mine.py", JOB)))


@pytest.mark.parametrize(
    "more",
    [
        "main(job)",  # without a guard
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr')\np.parse_args()",
        "import sys\nassert sys.argv[1:] == []",
    ],
)
def test_what_only_means_something_in_a_script_does_no_harm(tmp_path: Path, more: str) -> None:
    job, _ = load_job(str(written(tmp_path / "mine.py", f"{JOB}\n{more}\n")))
    assert job.name == "mine"


def test_a_class_that_a_function_makes_is_found_again(tmp_path: Path) -> None:
    factory = "def make():\n    class Made(Net):\n        pass\n    return Made\n\njob ="
    text = JOB.replace("job =", factory).replace("model=Net", "model=make()")
    path = written(tmp_path / "mine.py", text)
    content = json.loads(json.dumps(as_json(load_job(str(path))[0], path)))
    assert "<locals>" in content["model"]
    assert rebuilt(content, []).model.__name__ == "Made"


@pytest.mark.parametrize(
    ("files", "job"),
    [
        ({"models/__init__.py": "", "models/net.py": JOB}, "from models.net import Net"),
        ({"net.py": JOB}, "from net import Net"),
        ({"pack/__init__.py": "", "pack/net.py": JOB}, "from .net import Net"),
        (
            {"pack/__init__.py": "", "pack/deep/__init__.py": "", "pack/net.py": JOB},
            "from ..net import Net",
        ),
        ({"search_algos.py": JOB, "models.py": "boom = 1 / 0"}, "from search_algos import Net"),
    ],
)
def test_a_job_imports_its_neighbours_and_a_resume_from_elsewhere_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], job: str
) -> None:
    root = tmp_path / "their project"
    for name, text in files.items():
        written(root / name, text)
    module = job.split()[1]
    folder = root / {".net": "pack", "..net": "pack/deep"}.get(module, "")
    path = written(folder / "mine.py", IMPORTS_ITS_MODEL.format(module=module))
    monkeypatch.chdir(root)
    declared, _ = load_job(str(path))
    content = json.loads(json.dumps(as_json(declared, path)))
    forget_modules_of(root)
    monkeypatch.chdir(tmp_path)
    with as_started(content):
        assert Path.cwd() == root
        assert rebuilt(content, []).model_class().__name__ == "Net"
    assert Path.cwd() == tmp_path


def test_a_file_that_reads_from_the_working_folder_is_resumed_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "data" / "limits.json", "[0, 1]")
    text = "import json\nlow, high = json.load(open('data/limits.json'))\n" + JOB
    path = written(tmp_path / "jobs" / "mine.py", text)
    monkeypatch.chdir(tmp_path)
    declared, _ = load_job("jobs/mine.py")
    content = json.loads(json.dumps(as_json(declared, path)))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with as_started(content):
        assert rebuilt(content, []).name == "mine"


def test_a_job_that_was_moved_is_named_as_its_author_wrote_it(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.py", JOB)
    content = as_json(load_job(str(path))[0], path)
    path.unlink()
    with pytest.raises(UserError, match=r"'mine:Net' was in the job file .*--job-file"):
        rebuilt(content, [])
    moved = written(tmp_path / "moved.py", JOB)
    assert rebuilt({**content, "file": str(moved)}, []).model.__name__ == "Net"


def test_a_file_without_a_python_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"end in \.py"):
        import_file(written(tmp_path / "job.txt", JOB))


FUNCTION = """
from functools import partial
from ray import tune
from tune_jobs import Float, TuneJob, report

def train(config, data=()):
    report({{"loss": config.x + len(data)}})

def test(config, state):
    return {{"test_loss": 1.0}}

class Plus:
    def __init__(self, more):
        self.more = more
    def __call__(self, config):
        return config.x + self.more
    def fit(self, config):
        return self(config)

def again(config):
    return config.x + 1
first = again
def again(config):
    return config.x + 2

job = TuneJob(
    name="mine", model={model}, test=test, space={{"x": Float(0, 1)}}, metric="loss", mode="min"
)
"""


@pytest.mark.parametrize(
    "model",
    [
        "train",
        "partial(train, data=[1])",
        "tune.with_parameters(train, data=[1])",
        "lambda config: config.x + 1",
        "Plus(1)",
        "Plus(1).fit",
        "first",  # another function has its name by now
    ],
)
def test_a_resume_finds_a_training_function_in_its_file(tmp_path: Path, model: str) -> None:
    path = written(tmp_path / "mine.py", FUNCTION.format(model=model))
    content = json.loads(json.dumps(as_json(load_job(str(path))[0], path)))
    forget_modules_of(tmp_path)
    with as_started(content):
        found = rebuilt(content, [])
    one = found.model_class()(found.model_class().Config(x=0.5))
    assert one.train_epoch()["loss"] == (0.5 if model == "train" else 1.5)
    assert one.test() == {"test_loss": 1.0}
    one.close()
