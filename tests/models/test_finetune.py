from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import small_problems
import torch
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from tune_jobs.models import data
from tune_jobs.models.data import Arrays, Fold, MissingDataError, Split
from tune_jobs.models.finetune import Finetune, layers

NETWORK = "shufflenet_v2_x0_5"  # the smallest that has batch norms

Build = Callable[..., Finetune]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Build:
    def load(name: str, split: Split, fold: Fold | None = None) -> Arrays:
        x, y = small_problems.load(name, split, fold)
        return Arrays(x[:64], y[:64])

    def finetune(**changes: Any) -> Finetune:
        small = {"architecture": NETWORK, "weights": "", "image_size": 32, "batch_size": 32}
        return Finetune(Finetune.Config(**{**small, **changes}))

    monkeypatch.setattr(data, "load", load)
    return finetune


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A file of weights for a thousand classes."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        torch.save(get_model(NETWORK).state_dict(), tmp_path / "given.pt")
    return tmp_path / "given.pt"


def test_all_but_the_head_is_as_given(build: Build, given: Path) -> None:
    state = torch.load(given, weights_only=True)
    networks = [build(weights=str(given), seed=seed).network.network for seed in (0, 1, 0)]
    assert list(layers(networks[0]))[-1] == "fc"
    for network in networks:
        own = network.state_dict()
        assert own["fc.weight"].shape == (10, 1024)
        assert all(torch.equal(own[name], state[name]) for name in own if name[:3] != "fc.")
    heads = [network.state_dict()["fc.weight"] for network in networks]
    assert torch.equal(heads[0], heads[2])
    assert not torch.equal(heads[0], heads[1])


def test_a_file_for_another_architecture_is_refused(build: Build, given: Path) -> None:
    with pytest.raises(RuntimeError, match="SqueezeNet"):
        build(architecture="squeezenet1_1", weights=str(given))


def test_torchvisions_weights_come_from_its_cache(
    build: Build, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = get_model_weights(NETWORK)["DEFAULT"].url
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    given.rename(tmp_path / "hub" / "checkpoints" / Path(url).name)
    network = build(weights="DEFAULT").network.network
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = get_model(NETWORK)
    assert torch.equal(network.conv1[0].weight, expected.conv1[0].weight)


def test_missing_weights_are_told_with_where_they_belong(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*args: Any, **kwargs: Any) -> None:
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(MissingDataError, match="no network") as error:
        build(weights="DEFAULT")
    assert get_model_weights(NETWORK)["DEFAULT"].url in str(error.value)
    assert str(tmp_path / "hub" / "checkpoints") in str(error.value)
    with pytest.raises(MissingDataError, match=r"'IMAGENET' are not a file.*IMAGENET1K_V1"):
        build(weights="IMAGENET")


def test_an_unknown_architecture_is_refused_with_its_nearest() -> None:
    with pytest.raises(ValueError, match=r"architecture[\s\S]*nearest: resnet18"):
        Finetune.Config(architecture="resnet81")


@pytest.mark.parametrize("frozen", [0.0, 0.4, 1.0])
def test_frozen_layers_stay_with_their_running_means(build: Build, frozen: float) -> None:
    model = build(frozen=frozen)
    *body, head = layers(model.network).values()
    before = [snapshot(layer) for layer in (*body, head)]
    model.train_epoch()
    after = [snapshot(layer) for layer in (*body, head)]
    same = [all(map(torch.equal, a, b)) for a, b in zip(before, after, strict=True)]
    fixed = round(frozen * len(body))
    assert same == [True] * fixed + [False] * (len(body) - fixed + 1)


def snapshot(layer: nn.Module) -> list[Tensor]:
    return [value.clone() for value in layer.state_dict().values()]


def test_the_head_learns_at_its_own_rate(build: Build) -> None:
    model = build(learning_rate=1e-30, head_factor=1e28)
    before = {name: value.clone() for name, value in model.network.named_parameters()}
    model.train_epoch()
    changed = {
        name
        for name, value in model.network.named_parameters()
        if not torch.allclose(value, before[name], rtol=0, atol=1e-20)
    }
    assert changed == {"network.fc.weight", "network.fc.bias"}


@pytest.mark.parametrize("dataset", ["cifar10", "mnist"])
def test_images_are_scaled_and_coloured_for_the_network(build: Build, dataset: str) -> None:
    model = build(dataset=dataset, image_size=48)
    sizes = []
    first = next(iter(layers(model.network).values()))
    first.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[1:]))
    model.train_epoch()
    model.evaluate()
    assert set(sizes) == {(3, 48, 48)}
    model.reconfigure(Finetune.Config(architecture=NETWORK, weights="", image_size=40))
    model.evaluate()
    assert sizes[-1] == (3, 40, 40)
