"""A convnet under population based training; the function is written for Ray Tune.

tune-jobs run examples/pbt_convnet.py
"""

import os
import tempfile

import torch
import torch.nn.functional as F
from ray import tune
from ray.tune import Checkpoint
from sklearn.datasets import load_digits
from torch import nn

from tune_jobs import TuneJob, main


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, kernel_size=3)
        self.fc = nn.Linear(27, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv(x), 2))
        return F.log_softmax(self.fc(x.flatten(1)), dim=1)


def digits():
    """Training and validation data: images of 8 x 8, and their classes."""
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(y)
    return (x[:1200], y[:1200]), (x[1200:], y[1200:])


def train_convnet(config):
    train, (x_valid, y_valid) = digits()
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*train), batch_size=64, shuffle=True
    )
    model = ConvNet()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=config.get("lr", 0.01), momentum=config.get("momentum", 0.9)
    )
    step = 0
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            saved = torch.load(os.path.join(folder, "checkpoint.pt"))
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        for group in optimizer.param_groups:  # a clone has other hyperparameters
            group.update({name: config[name] for name in ("lr", "momentum") if name in config})
        step = saved["step"]

    while True:
        for x, y in loader:
            optimizer.zero_grad()
            F.nll_loss(model(x), y).backward()
            optimizer.step()
        step += 1
        with torch.no_grad():
            accuracy = (model(x_valid).argmax(1) == y_valid).float().mean().item()
        with tempfile.TemporaryDirectory() as folder:
            saved = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
            }
            torch.save(saved, os.path.join(folder, "checkpoint.pt"))
            tune.report({"mean_accuracy": accuracy}, checkpoint=Checkpoint.from_directory(folder))


job = TuneJob(
    name="pbt_convnet",
    model=train_convnet,
    space={"lr": tune.uniform(0.001, 1), "momentum": tune.uniform(0.1, 0.9)},
    metric="mean_accuracy",
    mode="max",
    searcher="random",
    scheduler="pbt",
    scheduler_options={"perturbation_interval": 2},
    num_samples=4,
    max_epochs=20,
)

if __name__ == "__main__":
    main(job)
