from __future__ import annotations

import pytest
import small_problems
import torch
from torch import nn
from torchvision import models as torchvision_models

from tune_jobs.models import data
from tune_jobs.models.resnet import ResNet


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_it_computes_what_torchvisions_does_with_another_stem(
    depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "load", small_problems.load)
    ours = ResNet(ResNet.Config(depth=depth)).network.eval()
    theirs = torchvision_models.get_model(f"resnet{depth}", num_classes=10).eval()
    theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    values = ours.state_dict().values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(ours(images), theirs(images), rtol=1e-3, atol=1e-4)


def test_width_scales_every_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", small_problems.load)
    widths = {}
    for width in (3, 6):
        network = ResNet(ResNet.Config(width=width, dataset="mnist")).network
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
        widths[width] = [norm.num_features for norm in norms]
    assert widths[6] == [2 * channels for channels in widths[3]]
    assert (widths[3][0], widths[3][-1]) == (3, 24)
