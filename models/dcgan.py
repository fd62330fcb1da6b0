"""DCGAN (Radford et al. 2015): a generator draws images, a discriminator separates them from real
ones, and each is trained against the other.

- two optimizers, each with its own learning rate
- the losses do not measure the quality of the images; their Fréchet distance to real images that
  were not used for training does
- the generator uses the loss whose gradient does not vanish while the discriminator wins
  (Goodfellow et al. 2014)
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional as F

from tune_jobs.models.base import STRICT, Metrics, Model
from tune_jobs.models.data import Fold, Split, prepare
from tune_jobs.models.training import frechet
from tune_jobs.models.training.batches import Examples, batches, examples
from tune_jobs.models.training.devices import best_device, mixed_precision, seeded

EVALUATION_BATCH = 500


class DCGAN(Model):
    @dataclass(frozen=True, config=STRICT)
    class Config:
        dataset: Literal["mnist", "fashion_mnist"] = "mnist"
        batch_size: PositiveInt = 64  # real images per step, and the same number of drawn ones
        steps_per_epoch: PositiveInt = 100  # per epoch, as long as there are images
        generator_rate: PositiveFloat = 2e-4  # learning rates
        discriminator_rate: PositiveFloat = 2e-4
        beta1: float = Field(default=0.5, ge=0, lt=1)  # of Adam, for both
        latent: PositiveInt = 64  # random numbers from which an image is drawn
        width: PositiveInt = 16  # channels of the 14x14 maps; the 7x7 ones have twice as many
        seed: NonNegativeInt = 0
        fold: Fold | None = None  # of a cross-validation, which sets it

    structural = frozenset({"dataset", "fold", "latent", "width"})

    @classmethod
    def prepare_data(cls, config: Config) -> None:
        prepare(config.dataset)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.device = best_device()
        self.epoch = 0
        self._train = self._examples("train")
        self._features = frechet.feature_network(config.dataset).to(self.device)
        channels, side, _ = self._train.x.shape[1:]
        with self._seeded():
            self.generator = _generator(config.latent, config.width, channels, side)
            self.discriminator = _discriminator(config.width, channels, side)
            self.network = nn.ModuleList([self.generator, self.discriminator])
            self.network.apply(_initialise).to(self.device)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), fused=True) for network in self.network
        ]
        self.reconfigure(config)

    def train_epoch(self) -> Metrics:
        self.network.train()
        config, total = self.config, torch.zeros(2, device=self.device)
        with self._seeded(self.epoch + 1):
            order = torch.randperm(len(self._train.y))
            order = order[: config.steps_per_epoch * config.batch_size]
            for x, _ in batches(self._train, order, config.batch_size, self.device):
                total += self._step(x.float() / 127.5 - 1) * len(x)
        self.epoch += 1
        generator_loss, discriminator_loss = (total / len(order)).tolist()
        return {"generator_loss": generator_loss, "discriminator_loss": discriminator_loss}

    def evaluate(self) -> Metrics:
        return {"val_distance": self._distance("validation")}

    def test(self) -> Metrics:
        return {"test_distance": self._distance("test")}

    def state_dict(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def reconfigure(self, config: Any) -> None:
        self.config = config
        rates = config.generator_rate, config.discriminator_rate
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            optimizer.param_groups[0].update(lr=rate, betas=(config.beta1, 0.999))

    def _step(self, real: Tensor) -> Tensor:
        """Trains both on a batch; returns the losses of the generator and the discriminator."""
        for_generator, for_discriminator = self.optimizers
        with mixed_precision(self.device):
            drawn = self.generator(self._latent(len(real)))
            told_apart = F.softplus(self.discriminator(drawn.detach())).mean()
            told_apart = told_apart + F.softplus(-self.discriminator(real)).mean()
        _descend(told_apart, for_discriminator)
        with mixed_precision(self.device):
            taken_for_real = F.softplus(-self.discriminator(drawn)).mean()
        _descend(taken_for_real, for_generator)
        return torch.stack([taken_for_real, told_apart]).detach()

    @torch.no_grad()
    def _distance(self, split: Split) -> float:
        """The distance between a split's real images and the same number of drawn ones, which are
        always the same."""
        self.generator.eval()
        data = self._examples(split)
        order = torch.arange(len(data.y))
        real = [
            self._features(x.float() / 255)
            for x, _ in batches(data, order, EVALUATION_BATCH, self.device)
        ]
        with self._seeded():
            latent = self._latent(len(order))
        drawn = [
            self._features((self.generator(z) + 1) / 2) for z in latent.split(EVALUATION_BATCH)
        ]
        return frechet.distance(torch.cat(real), torch.cat(drawn))

    def _examples(self, split: Split) -> Examples:
        return examples(self.config.dataset, split, self.config.fold, self.device)

    def _latent(self, n: int) -> Tensor:
        return torch.randn(n, self.config.latent, device=self.device)

    def _seeded(self, epoch: int = 0) -> AbstractContextManager[None]:
        return seeded(self.config.seed, epoch, self.device)


def _generator(latent: int, width: int, channels: int, side: int) -> nn.Module:
    small = side // 4
    return nn.Sequential(  # (n, latent)
        nn.Linear(latent, 2 * width * small * small, bias=False),
        nn.Unflatten(1, (2 * width, small, small)),  # (n, 2 width, 7, 7)
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),  # (n, width, 14, 14)
        nn.ReLU(),
        nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        nn.Tanh(),  # (n, 1, 28, 28), -1..1
    )


def _discriminator(width: int, channels: int, side: int) -> nn.Module:
    small = side // 4
    return nn.Sequential(  # (n, 1, 28, 28), -1..1
        nn.Conv2d(channels, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),  # (n, width, 14, 14)
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),  # (n, 2 width, 7, 7)
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * small * small, 1),  # above 0: real
    )


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=0.02)


def _descend(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """One step for an optimizer's own weights; other weights get no gradient."""
    optimizer.zero_grad()
    loss.backward(inputs=optimizer.param_groups[0]["params"])
    optimizer.step()
