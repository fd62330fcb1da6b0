"""What all networks with labelled examples share: data, epoch, metrics, state.

Tensors stay in memory on the device, and batches are picked by index: for small examples a
DataLoader with a transform per sample spends most of its time outside the network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tune_jobs.models import tensors
from tune_jobs.models.base import Metrics, Model
from tune_jobs.models.data import Split, prepare
from tune_jobs.models.training.batches import Examples, batches, examples
from tune_jobs.models.training.devices import best_device, mixed_precision, seeded
from tune_jobs.models.training.judging import judged
from tune_jobs.models.training.recipes import make_optimizer, optimize, reconfigured
from tune_jobs.models.training.seen import Seen
from tune_jobs.models.training.tasks import task_of

if TYPE_CHECKING:
    from typing_extensions import Self


class Supervised(Model):
    """A network trained on a data set of `tune_jobs.models.data` by a `Recipe` that also names the
    ``dataset``. The labels decide the task: classes or numbers.

    The randomness of an epoch (order, dropout, augmentation) is a function of the seed and
    the number of the epoch, so there is no random state to save.
    """

    structural = frozenset({"dataset", "fold", "optimizer"})
    evaluation_batch: ClassVar[int] = 2048  # examples at once when no gradient is needed

    @classmethod
    def prepare_data(cls, config: Any) -> None:
        prepare(config.dataset)

    def __init__(self, config: Any, seen: Seen | None = None) -> None:
        """With ``seen``, of a model that was trained before, no data are loaded until they are
        needed, and the weights of the network do not matter."""
        super().__init__(config)
        self.device = best_device()
        self.epoch = 0
        self.is_new = seen is None
        self.seen = seen or self._look()
        self.task = self.seen.task
        with self._seeded():
            self.network = self.build_network().to(self.device)
        if self._on_images:
            self.network.to(memory_format=torch.channels_last)
        self.optimizer = make_optimizer(self.parameter_groups(), config)

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Takes inputs (n, *shape) as from `prepared`, returns (n, ..., task.outputs)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return self.seen.shape

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups for torch's optimizers; see `make_optimizer`."""
        return [{"params": [p for p in self.network.parameters() if p.requires_grad]}]

    def prepared(self, x: Tensor) -> Tensor:
        """Inputs for the network: normalised by the training data."""
        return (x.float() - self.seen.mean) / self.seen.std

    def changed(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Prepared training inputs and labels, changed at random."""
        return x, y

    def examples_per_epoch(self) -> int:
        return len(self._train.y)

    def train_epoch(self) -> Metrics:
        self.network.train()
        config, total = self.config, torch.zeros((), device=self.device)
        with self._seeded(self.epoch + 1):
            order = torch.randperm(len(self._train.y))[: self.examples_per_epoch()]
            if len(order) % config.batch_size == 1 and len(order) > 1:
                order = order[:-1]  # a batch of one has no variance to normalise by
            steps = -(-len(order) // config.batch_size)
            for step, (x, y) in enumerate(self._batches(self._train, order, config.batch_size)):
                x, y = self.changed(self.prepared(x), y)
                with self._precision():
                    loss = self.task.loss(self.network(x), y, config.label_smoothing)
                progress = (self.epoch + step / steps) / config.max_epochs
                optimize(loss, self.optimizer, config, progress)
                total += loss.detach() * len(x)
        self.epoch += 1
        return {"train_loss": total.item() / len(order)}

    def evaluate(self) -> Metrics:
        size = sum(parameter.numel() for parameter in self.network.parameters())
        return {**self._measure("val", self._validation), "parameters": size}

    def test(self) -> Metrics:
        return self._measure("test", self._examples("test"))

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
        reconfigured(self.optimizer, self.parameter_groups(), config)
        for module in self.network.modules():
            if isinstance(module, nn.Dropout):
                module.p = config.dropout

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Probabilities of the classes (n, classes), or numbers (n,), for raw inputs (n, *shape)
        as the data set has them."""
        self.network.eval()
        with self._precision():
            return self.forward(x.to(self.device)).cpu()

    def predictions(self, split: Split) -> NDArray[Any]:
        data = self._examples(split)
        batches = self._batches(data, torch.arange(len(data.y)), self.evaluation_batch)
        return np.concatenate([self.predict(x).numpy() for x, _ in batches])

    def judge(self, split: Split, predictions: NDArray[Any]) -> Metrics:
        return judged(split, predictions, self._examples(split).y.cpu().numpy())

    def export(self, folder: Path) -> None:
        tensors.save({"network": self.network.state_dict(), **self.seen.as_state()}, folder)

    @classmethod
    def exported(cls, config: Any, folder: Path) -> Self:
        """Needs no data."""
        state = tensors.load(folder)
        model = cls(config, Seen.of_state(state, best_device()))
        model.network.load_state_dict(state["network"])
        return model

    def forward(self, x: Tensor) -> Tensor:
        """From raw inputs (n, *shape) to predictions."""
        return self.task.predictions(self.network(self.prepared(x)).float())

    def move(self, device: torch.device) -> None:
        """To predict there; a model that was moved is not trained further."""
        self.device, self.seen = device, self.seen.on(device)
        self.network.to(device)

    @torch.no_grad()
    def _measure(self, name: str, data: Examples) -> Metrics:
        self.network.eval()
        outputs, labels = [], []
        for x, y in self._batches(data, torch.arange(len(data.y)), self.evaluation_batch):
            with self._precision():
                outputs.append(self.network(self.prepared(x)).float())
            labels.append(y)
        measured = self.task.measure(torch.cat(outputs), torch.cat(labels))
        return {f"{name}_{measure}": value for measure, value in measured.items()}

    @cached_property
    def _train(self) -> Examples:
        return self._examples("train")

    @cached_property
    def _validation(self) -> Examples:
        return self._examples("validation")

    def _look(self) -> Seen:
        """At the data for training; those for validation have to be there, too."""
        train, _ = self._train, self._validation
        return Seen(tuple(train.x.shape[1:]), train.mean, train.std, task_of(train.y))

    def _examples(self, split: Split) -> Examples:
        return examples(self.config.dataset, split, self.config.fold, self.device)

    def _batches(self, data: Examples, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in batches(data, order, size, self.device):
            yield x.contiguous(memory_format=torch.channels_last) if self._on_images else x, y

    @property
    def _on_images(self) -> bool:
        return len(self.shape) == 3

    def _seeded(self, epoch: int = 0) -> AbstractContextManager[None]:
        return seeded(self.config.seed, epoch, self.device)

    def _precision(self) -> AbstractContextManager[Any]:
        return mixed_precision(self.device)
