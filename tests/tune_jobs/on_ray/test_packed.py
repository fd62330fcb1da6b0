"""A model class on its way to the workers: what cannot go there is named before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import ray.cloudpickle

from tune_jobs.errors import UserError
from tune_jobs.job.building import Builder
from tune_jobs.job.files import load_job
from tune_jobs.on_ray.packed import packed, unpacked

JOB = """
import {module}
from tune_jobs import Float, Model, TuneJob
from dataclasses import dataclass

THING = {value}

class Net(Model):
    @dataclass(frozen=True)
    class Config:
        x: float = 0.0
    def train_epoch(self): return {{"thing": id(THING)}}
    def evaluate(self): return {{"loss": self.config.x}}
    def test(self): return {{}}
    def state_dict(self): return {{}}
    def load_state_dict(self, state): pass

job = TuneJob(name="mine", model=Net, space={{"x": Float(0, 1)}}, metric="loss", mode="min")
"""


def builder_in(path: Path, module: str, value: str) -> Builder:
    path.write_text(JOB.format(module=module, value=value))
    return Builder.of(load_job(str(path))[0])


@pytest.mark.parametrize(
    ("module", "value", "kind"),
    [
        ("threading", "threading.Lock()", "lock"),
        ("io", "open(__file__, 'rb')", "BufferedReader"),
        ("sqlite3", "sqlite3.connect(':memory:')", "Connection"),
        ("socket", "socket.socket()", "socket"),
        ("itertools", "(n for n in range(3))", "generator"),
    ],
)
def test_a_global_that_exists_in_one_process_only_is_named(
    tmp_path: Path, module: str, value: str, kind: str
) -> None:
    builder = builder_in(tmp_path / "mine.py", module, value)
    with pytest.raises(UserError) as error:
        packed(builder)
    (said,) = error.value.problems
    for word in ("'mine:Net'", "'THING'", kind, "__init__"):
        assert word in said
    assert "'job'" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("module", "value"),
    [("logging", "logging.getLogger('x')"), ("re", "re.compile('a')"), ("numpy", "numpy.eye(3)")],
)
def test_what_can_be_sent_goes_with_the_class(tmp_path: Path, module: str, value: str) -> None:
    assert_arrives(packed(builder_in(tmp_path / "theirs.py", module, value)))


@pytest.mark.parametrize("name", ["net.v2.py", "my net-1.py", "nœud.py", "__init__.py"])
def test_it_goes_from_a_file_of_any_name(tmp_path: Path, name: str) -> None:
    assert_arrives(packed(builder_in(tmp_path / name, "re", "re.compile('a')")))


CACHED = """
from functools import cache, lru_cache
from dataclasses import dataclass
from tune_jobs import Float, TuneJob, report

@lru_cache(maxsize=3)
def data(n):
    return list(range(n))

@cache
def factorial(n):
    return n * factorial(n - 1) if n else 1

class Holder:
    @staticmethod
    @cache
    def one():
        return 1

def make():
    @cache
    def two():
        return 2
    return lambda config: sum(data(3)) + factorial(3) + Holder.one() + two() + config.x

job = TuneJob(name="mine", model=make(), space={"x": Float(0, 1)}, metric="loss", mode="min")
"""


def test_a_cached_function_goes_with_its_code(tmp_path: Path) -> None:
    path = tmp_path / "cached.py"
    path.write_text(CACHED)
    sent = packed(Builder.of(load_job(str(path))[0]))
    del sys.modules["__job__cached"]
    builder = ray.cloudpickle.loads(sent)
    assert builder.build(builder.config({"x": 0.5})).train_epoch() == {"loss": 3 + 6 + 1 + 2 + 0.5}


POOL = """
from multiprocessing import get_context
from tune_jobs import Float, TuneJob
import ray.cloudpickle

def square(x):
    return x * x

def train(config):
    assert b"square" not in ray.cloudpickle.dumps(square)[:40], "a worker of Ray gets its code"
    with get_context("fork").Pool(1) as pool:
        return sum(pool.map(square, [1, 2]))

job = TuneJob(name="mine", model=train, space={"x": Float(0, 1)}, metric="loss", mode="min")
"""


def test_a_function_in_a_worker_can_start_processes(tmp_path: Path) -> None:
    path = tmp_path / "pool.py"
    path.write_text(POOL)
    sent = packed(Builder.of(load_job(str(path))[0]))
    del sys.modules["__job__pool"]
    builder = unpacked(sent)
    assert builder.build(builder.config({"x": 0.5})).train_epoch() == {"loss": 5}


def assert_arrives(sent: bytes) -> None:
    for name in [name for name in sys.modules if "__job__" in name]:
        del sys.modules[name]  # as on a worker, which has no such module
    builder = ray.cloudpickle.loads(sent)
    assert builder.build(builder.config({"x": 0.5})).evaluate() == {"loss": 0.5}
