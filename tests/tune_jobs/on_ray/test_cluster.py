"""Which cluster a run joins."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import ray
from runs import tiny_job
from troubled_models import DownloadsData

from tune_jobs.errors import UserError
from tune_jobs.job.files import load_job
from tune_jobs.job.overrides import override
from tune_jobs.on_ray import cluster


@pytest.fixture
def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def address_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `ray start` leaves the address of its cluster."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "ray").mkdir()
    return tmp_path / "ray" / "ray_current_cluster"


def test_where_no_cluster_was_started_a_run_starts_its_own(address_file: Path) -> None:
    assert not cluster._is_there()


def test_a_cluster_that_is_there_is_joined(address_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address_file.write_text(f"127.0.0.1:{server.getsockname()[1]}\n")
        assert cluster._is_there()


def test_a_cluster_that_died_and_left_its_address_is_not_waited_for(
    address_file: Path, nobody: str
) -> None:
    address_file.write_text(nobody)
    assert not cluster._is_there()


def test_who_asks_for_a_local_one_joins_none(
    address_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address_file.write_text(f"127.0.0.1:{server.getsockname()[1]}\n")
        assert not cluster._is_there()


def test_a_named_cluster_that_does_not_answer_is_an_error(
    address_file: Path, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nobody)
    with pytest.raises(UserError, match=rf"RAY_ADDRESS is '{nobody}'.*nothing answers"):
        cluster._is_there()


@pytest.fixture
def unconnected() -> None:
    if ray.is_initialized():
        pytest.skip("this process is connected to a cluster")


@pytest.mark.usefixtures("address_file", "unconnected")
@pytest.mark.parametrize("kind", ["cpus_per_trial", "gpus_per_trial"])
def test_a_trial_that_this_machine_cannot_hold_is_refused_before_a_cluster_starts(
    tmp_path: Path, kind: str
) -> None:
    job = tiny_job(**{kind: 4096})
    with pytest.raises(UserError, match=r"4096 .*the nodes have \d+ CPUs, .*--cpus-per-trial"):
        cluster.connected(tmp_path, job, print).__enter__()
    assert not ray.is_initialized()


@pytest.mark.usefixtures("address_file", "unconnected")
def test_missing_data_are_an_error_before_a_cluster_starts(tmp_path: Path) -> None:
    job = tiny_job(model=DownloadsData)
    with pytest.raises(UserError, match=r"put digits.csv into /data"):
        cluster.connected(tmp_path, job, print).__enter__()
    assert not ray.is_initialized()


@pytest.mark.usefixtures("address_file", "unconnected")
def test_a_ready_model_says_which_data_are_missing(tmp_path: Path) -> None:
    job = override(load_job("finetune")[0], {}, [f"dataset={tmp_path / 'photos'}"])
    with pytest.raises(UserError, match=r"photos' is unknown; there are .*a folder of images"):
        cluster.connected(tmp_path, job, print).__enter__()
    assert not ray.is_initialized()
