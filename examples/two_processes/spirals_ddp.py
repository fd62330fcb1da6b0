"""A network that several processes train together, with DistributedDataParallel.

The model itself is a thin parent in the worker. It starts its ranks, tells all of them what to do
next, and waits for their answers. What they need to be the same after a restore is in the
checkpoint or follows from the number of the epoch.
"""

import math
import os
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing import get_context, parent_process
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from tune_jobs import Model
from tune_jobs.models.base import TrainingError


class Spirals(Model):
    """Tells its ranks what to do. A subclass starts them and reaches them."""

    @dataclass(frozen=True)
    class Config:
        learning_rate: float = 0.1
        hidden: int = 64
        dropout: float = 0.2
        batch_size: int = 64  # of all ranks together
        ranks: int = 2
        seed: int = 0

    def train_epoch(self):
        losses = self.all_ranks("train_epoch")
        return {"train_loss": sum(losses) / len(losses)}

    def evaluate(self):
        return self.all_ranks("evaluate", "val")[0]

    def test(self):
        return self.all_ranks("evaluate", "test")[0]

    def all_ranks(self, name, *arguments):
        """Calls this method of every rank; returns what each returned."""
        raise NotImplementedError


class SpiralsDDP(Spirals):
    """Its ranks are child processes."""

    def __init__(self, config):
        super().__init__(config)
        self._ranks = []
        with TemporaryDirectory() as folder:  # until all ranks have met
            for rank in range(config.ranks):
                self._start(rank, Path(folder, "meeting"))
            self._answers()
        print("ranks:", *(process.pid for process, _ in self._ranks))

    def save(self, folder):
        self.all_ranks("save", folder / "state.pt")

    def load(self, folder):
        self.all_ranks("load", folder / "state.pt")

    def close(self):
        for process, _ in self._ranks:
            process.kill()
        for process, _ in self._ranks:
            process.join()

    def _start(self, rank, meeting):
        # A worker of Ray has threads, so it must not fork: a server does, once it has imported what
        # DistributedDataParallel needs.
        processes = get_context("forkserver")
        processes.set_forkserver_preload(["__main__", "torch._dynamo"])
        ours, theirs = processes.Pipe()
        process = processes.Process(target=serve, args=(theirs, rank, self.config, meeting))
        process.start()
        theirs.close()  # so that ours ends when the rank does
        self._ranks.append((process, ours))

    def all_ranks(self, *command):
        for _, pipe in self._ranks:
            pipe.send(command)
        return self._answers()

    def _answers(self):
        """What each rank returned. Raises TrainingError as soon as one fails or ends."""
        answers, waiting = {}, {pipe: rank for rank, (_, pipe) in enumerate(self._ranks)}
        while waiting:
            for pipe in wait(list(waiting)):
                rank = waiting.pop(pipe)
                try:
                    answers[rank], error = pipe.recv()
                except EOFError:
                    error = "its process has ended"
                if error:
                    self.close()  # the others would wait for it
                    raise TrainingError(f"rank {rank} of {len(self._ranks)}: {error}")
        return [answers[rank] for rank in sorted(answers)]


def serve(pipe: Connection, rank, config, meeting):
    """The process of a rank."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # nothing listens to other machines
    torch.set_num_threads(1)
    try:
        dist.init_process_group(
            "gloo", init_method=meeting.as_uri(), rank=rank, world_size=config.ranks
        )
        trainer = Rank(rank, config)
        pipe.send((None, ""))
        while True:
            name, *arguments = pipe.recv()
            pipe.send((getattr(trainer, name)(*arguments), ""))
    except Exception:
        pipe.send((None, traceback.format_exc()))


def end_with_parent():
    """However the parent ends, also by SIGKILL in the middle of an epoch."""
    wait([parent_process().sentinel])
    os._exit(1)


def spirals(seed):
    """Two arms of noisy points, and to which of them each belongs."""
    random = torch.Generator().manual_seed(seed)
    arm, way = torch.arange(1000) % 2, torch.rand(1000, generator=random)
    turn = math.pi * (2 * way + arm)
    points = torch.stack([turn.cos(), turn.sin()], 1) * way[:, None]
    return points + 0.03 * torch.randn(1000, 2, generator=random), arm


class Rank:
    """One rank's share of the training."""

    def __init__(self, rank, config):
        self.rank, self.config, self.epoch = rank, config, 0
        self.data = {part: spirals(seed) for seed, part in enumerate(("train", "val", "test"))}
        train = TensorDataset(*self.data["train"])
        self.sampler = DistributedSampler(train, seed=config.seed)
        batch = config.batch_size // config.ranks
        self.batches = DataLoader(train, batch, sampler=self.sampler)
        torch.manual_seed(config.seed)
        layers = (nn.Linear(2, config.hidden), nn.Tanh(), nn.Dropout(config.dropout))
        self.net = nn.Sequential(*layers, nn.Linear(config.hidden, 2))
        self.ddp = DistributedDataParallel(self.net)
        self.optimizer = torch.optim.SGD(self.net.parameters(), config.learning_rate, momentum=0.9)

    def train_epoch(self):
        self.sampler.set_epoch(self.epoch)  # its own order in every epoch, also after a restore
        torch.manual_seed(self.config.seed + 1000 * self.epoch + self.rank)  # of the dropout
        self.epoch += 1
        self.net.train()
        for x, y in self.batches:
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.ddp(x), y)
            loss.backward()  # here the gradients become the mean over the ranks
            self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self, part):
        self.net.eval()
        x, y = self.data[part]
        scores = self.net(x)
        loss = nn.functional.cross_entropy(scores, y).item()
        accuracy = (scores.argmax(1) == y).float().mean().item()
        return {f"{part}_loss": loss, f"{part}_accuracy": accuracy}

    def save(self, file):
        if self.rank == 0:  # all have the same
            state = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
            torch.save({**state, "epoch": self.epoch}, file)

    def load(self, file):
        state = torch.load(file, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
