"""Training functions as they are written for Ray Tune; nothing here knows tune-jobs."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray import tune
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 4


def network(config: dict[str, Any]) -> None:
    """A network and its optimizer, in a checkpoint of every epoch."""
    torch.manual_seed(0)
    inputs = torch.linspace(-1, 1, 64).reshape(-1, 1)
    data = TensorDataset(inputs, inputs.sin())
    net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=config["rate"], momentum=0.9)
    start = 0
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / "state.pt")
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["epoch"]
    for epoch in range(start, EPOCHS):
        for x, y in DataLoader(data, batch_size=16, shuffle=True):
            loss = torch.nn.functional.mse_loss(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        state = {
            "net": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epoch": epoch + 1,
        }
        with tempfile.TemporaryDirectory() as folder:
            torch.save(state, Path(folder) / "state.pt")
            tune.report({"loss": loss.item()}, checkpoint=tune.Checkpoint.from_directory(folder))


def classifier(config: dict[str, Any]) -> None:
    """scikit-learn, pickled into its checkpoints; metrics in a dict, and text beside them."""
    x, y = load_iris(return_X_y=True)
    np.random.seed(0)
    model, start = SGDClassifier(alpha=config["rate"], random_state=0), 0
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            model, start = pickle.loads((Path(folder) / "model.pkl").read_bytes())
    for epoch in range(start, EPOCHS):
        order = np.random.permutation(len(x))
        model.partial_fit(x[order], y[order], classes=[0, 1, 2])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "model.pkl").write_bytes(pickle.dumps((model, epoch + 1)))
            tune.report(
                {"loss": 1 - model.score(x, y), "nested": {"epoch": epoch}, "kind": "svm"},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )


def with_data(config: dict[str, Any], data: np.ndarray) -> None:
    """Gets its data from `tune.with_parameters`, and looks at its context; no checkpoints."""
    assert tune.get_context().get_trial_id()
    value = 0.0
    for _ in range(EPOCHS):
        value += config["rate"] * float(data.mean())
        tune.report({"loss": value})


def generator(config: dict[str, Any]) -> Iterator[dict[str, float]]:
    for epoch in range(EPOCHS):
        yield {"loss": config["rate"] / (epoch + 1)}
