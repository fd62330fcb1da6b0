"""The files for clusters are what Ray and the shell accept."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import ValidationError
from pages import ROOT
from ray.autoscaler._private.util import prepare_config, validate_config

LAUNCHER = ["cluster.yaml", "cluster/local.yaml"]
BIN = Path(sys.executable).parent
COMMANDS = re.compile(r"(?:initialization|setup|ray)_commands$")


def loaded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


def commands(name: str) -> Iterator[str]:
    for key, value in loaded(name).items():
        if COMMANDS.search(key):
            yield from value


@pytest.mark.parametrize("name", LAUNCHER)
def test_a_configuration_follows_rays_schema(name: str) -> None:
    config = prepare_config(loaded(name))
    validate_config(config)
    with pytest.raises(ValidationError, match="wrokers"):
        validate_config({**config, "wrokers": 3})


@pytest.mark.parametrize("name", LAUNCHER)
def test_its_commands_are_shell(name: str, tmp_path: Path) -> None:
    script = tmp_path / "commands.sh"
    found = list(commands(name))
    assert len(found) >= 7
    script.write_text("#!/bin/bash\n" + "\n".join(found) + "\n")
    outside = "SC1090,SC1091,SC2029"  # files that are not here
    done = subprocess.run(
        [BIN / "shellcheck", "--exclude", outside, script], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", LAUNCHER)
def test_a_cluster_answers_only_those_who_have_the_token(name: str) -> None:
    config, text = loaded(name), (ROOT / name).read_text()
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "export RAY_AUTH_MODE=token" in text
    for command in config["head_start_ray_commands"] + config["worker_start_ray_commands"]:
        assert command.startswith(". ~/.tune-jobs.sh; ")
    assert "--dashboard-host=127.0.0.1" in config["head_start_ray_commands"][1]


def test_aws_takes_three_edits() -> None:
    places = [line for line in (ROOT / "cluster.yaml").read_text().splitlines() if "# <-" in line]
    assert [re.findall(r"region|key|bucket", place)[0] for place in places] == [
        *("region", "key", "bucket")
    ]
    types = loaded("cluster.yaml")["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0, "GPU": 0}
    markets = {name: "InstanceMarketOptions" in kind["node_config"] for name, kind in types.items()}
    assert markets == {"head": False, "gpu_spot": True, "gpu_on_demand": False}


@pytest.mark.parametrize(
    "command",
    [["shellcheck", "cluster/slurm.sh"], ["hadolint", "--no-color", "cluster/Dockerfile"]],
)
def test_a_linter_has_nothing_to_say(command: list[str]) -> None:
    tool, file = BIN / command[0], ROOT / command[-1]
    done = subprocess.run([tool, *command[1:-1], file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_rayjob_has_the_parts_that_kuberay_wants() -> None:
    """KubeRay's schema comes with no package, but most of it is pods, whose schema does."""
    job = loaded("cluster/rayjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]["rayClusterSpec"]
    assert f"ray=={spec['rayVersion']}" in (ROOT / "requirements.lock").read_text()
    assert spec["authOptions"] == {"mode": "token"}
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    for group in groups:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, **group["template"]}
        kubernetes_validate.validate(pod, "1.33", strict=True)
        (container,) = group["template"]["spec"]["containers"]
        assert {"name", "image", "resources"} <= set(container)
        assert "TUNE_JOBS_STORAGE" in [variable["name"] for variable in container["env"]]
    assert {"groupName", "replicas", "minReplicas", "maxReplicas"} <= set(groups[1])
