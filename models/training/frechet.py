"""The distance between drawn and real images: the Fréchet distance (Heusel et al. 2017) of the
features that a fixed classifier computes for both.

- the paper's Inception network is a download and was trained on photographs; here a small network
  learns the classes of the data set itself, in one pass, once per machine
- with tanh, strides and double precision, rounding errors grow less in that pass than with ReLU
  and max pooling: different processors get the same classifier
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tune_jobs.models import data
from tune_jobs.models.training.devices import seeded

FEATURES = 64
BATCH = 100


def distance(a: Tensor, b: Tensor) -> float:
    """The distance of the normal distributions of two sets of features (n, features); NaN if one
    is NaN."""
    a, b = a.double().cpu(), b.double().cpu()
    covariances = a.T.cov() @ b.T.cov()
    if not covariances.isfinite().all():
        return float("nan")  # torch looks for eigenvalues until it raises
    # They are real and not negative, except for rounding errors.
    common = torch.linalg.eigvals(covariances).real.clamp(min=0).sqrt().sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return float(apart + a.var(0).sum() + b.var(0).sum() - 2 * common)


def feature_network(dataset: str) -> nn.Module:
    """Turns images (n, channels, height, width), 0 to 1, into features (n, features).

    It is stored under a digest of its training data. Raises MissingDataError.
    """
    x, y = data.load(dataset, "train")
    digest = hashlib.sha256(x.data)
    digest.update(y.data)
    path = data.data_folder() / "classifiers" / f"{dataset}-v1-{digest.hexdigest()[:12]}.pt"
    with seeded(0, 0, torch.device("cpu")):
        classifier = _classifier(x.shape[1:], int(y.max()) + 1)

    def train(unfinished: Path) -> None:
        with _one_thread():
            _train(classifier, torch.from_numpy(x), torch.from_numpy(y))
        torch.save(classifier.state_dict(), unfinished)

    classifier.load_state_dict(torch.load(data.made_once(path, train), weights_only=True))
    return classifier[:-1].float().requires_grad_(False)


def _classifier(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    channels, height, width = shape
    double = torch.float64
    return nn.Sequential(  # (n, 1, 28, 28)
        nn.Conv2d(channels, 8, 5, stride=2, padding=2, dtype=double),
        nn.Tanh(),  # (n, 8, 14, 14)
        nn.Conv2d(8, 16, 5, stride=2, padding=2, dtype=double),
        nn.Tanh(),  # (n, 16, 7, 7)
        nn.Flatten(),
        nn.Linear(16 * (height // 4) * (width // 4), FEATURES, dtype=double),
        nn.Tanh(),
        nn.Linear(FEATURES, classes, dtype=double),
    )


def _train(classifier: nn.Module, x: Tensor, y: Tensor) -> None:
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.05, momentum=0.9)
    with seeded(0, 1, torch.device("cpu")):
        order = torch.randperm(len(y))
    for rows in order.split(BATCH):
        loss = F.cross_entropy(classifier(x[rows].double() / 255), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread: threads that share such small steps wait ten times as long as they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
