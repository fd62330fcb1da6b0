"""What every image classifier here shares: the epoch, the measurements and the state.

Tensors stay in memory on the device and batches are picked by index: on small images a
DataLoader with a transform per sample spends most of its time outside the network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models import data
from models.base import Metrics, Model
from models.recipes import make_optimizer

EVALUATION_BATCH = 4096  # images at once where no gradient is kept


class Classifier(Model):
    """Cross-entropy on a labelled image set. Subclasses name the data and build the network.

    The randomness of an epoch (order, dropout, augmentation) is a function of the seed and
    the epoch's number, so there is no random state to save.
    """

    structural = frozenset({"optimizer"})
    dataset: ClassVar[str]
    mean: ClassVar[float]  # of the raw pixels
    std: ClassVar[float]

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.epoch = 0
        with self._seeded(config.seed):
            self.network = self.build_network().to(self.device)
        self.optimizer = make_optimizer(self.network.parameters(), config)
        self._train = self._tensors("train")
        self._validation = self._tensors("validation")

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Images (batch, channels, height, width), normalised, to logits (batch, classes)."""

    def augment(self, images: Tensor) -> Tensor:
        """Changes a normalised training batch at random; the shape stays."""
        return images

    def train_epoch(self) -> Metrics:
        self.network.train()
        images, labels = self._train
        total = torch.zeros((), device=self.device)
        with self._seeded(self.config.seed, self.epoch + 1):
            order = torch.randperm(len(labels)).to(self.device)
            for index in order.split(self.config.batch_size):
                logits = self.network(self.augment(self._normalised(images[index])))
                loss = F.cross_entropy(logits, labels[index])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.detach() * len(index)
        self.epoch += 1
        return {"train_loss": total.item() / len(labels)}

    def evaluate(self) -> Metrics:
        return self._measure("val", *self._validation)

    def test(self) -> Metrics:
        return self._measure("test", *self._tensors("test"))

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def reconfigure(self, config: Any) -> None:
        self.config = config
        fresh = make_optimizer(self.network.parameters(), config)
        for group, new in zip(self.optimizer.param_groups, fresh.param_groups, strict=True):
            group.update({key: value for key, value in new.items() if key != "params"})
        for module in self.network.modules():
            if isinstance(module, nn.Dropout):
                module.p = config.dropout

    @torch.no_grad()
    def _measure(self, name: str, images: Tensor, labels: Tensor) -> Metrics:
        self.network.eval()
        batches = images.split(EVALUATION_BATCH)
        logits = torch.cat([self.network(self._normalised(batch)) for batch in batches])
        return {
            f"{name}_loss": F.cross_entropy(logits, labels).item(),
            f"{name}_accuracy": (logits.argmax(dim=1) == labels).double().mean().item(),
        }

    def _tensors(self, split: data.Split) -> tuple[Tensor, Tensor]:
        arrays = data.load(self.dataset, split)
        return (
            torch.from_numpy(arrays.x).to(self.device),
            torch.from_numpy(arrays.y).to(self.device),
        )

    def _normalised(self, images: Tensor) -> Tensor:
        return (images.float() - self.mean) / self.std

    @contextmanager
    def _seeded(self, seed: int, epoch: int = 0) -> Iterator[None]:
        """Torch's random numbers are those of (seed, epoch) inside, and untouched outside."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed * 1_000_003 + epoch)
            yield
