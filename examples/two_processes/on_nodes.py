"""The same training with processes on any nodes of a Ray cluster.

    tune-jobs run examples/two_processes/on_nodes.py

The ranks are actors of Ray. The job asks for a bundle of resources for each, and Ray places them
where there is room, on one node or on several. It ends them when the process of their trial ends.
"""

import io
import socket
from contextlib import suppress
from dataclasses import replace

import job as one_node
import ray
import torch
import torch.distributed as dist
from ray.exceptions import GetTimeoutError, RayTaskError
from spirals_ddp import Rank, Spirals

from tune_jobs import main

CPUS = 0.9  # of a rank


class SpiralsOnNodes(Spirals):
    """Its ranks are actors of Ray."""

    def __init__(self, config):
        super().__init__(config)
        is_trial = ray.util.get_current_placement_group()  # elsewhere, nothing is reserved
        actor = ray.remote(num_cpus=CPUS if is_trial else 0)(ActorRank)
        self._ranks = [actor.remote() for _ in range(config.ranks)]
        meeting = ray.get(self._ranks[0].meeting.remote())
        calls = [r.start.remote(n, config, meeting) for n, r in enumerate(self._ranks)]
        print("nodes:", *ray.get(calls))

    def save(self, folder):  # which is on the node of the trial, not on those of its ranks
        (folder / "state.pt").write_bytes(ray.get(self._ranks[0].saved.remote()))

    def load(self, folder):
        self.all_ranks("load_saved", (folder / "state.pt").read_bytes())

    def close(self):
        for rank in self._ranks:
            ray.kill(rank)

    def all_ranks(self, name, *arguments):
        calls = [getattr(rank, name).remote(*arguments) for rank in self._ranks]
        try:
            return ray.get(calls)
        except RayTaskError:  # maybe because another rank is lost; then its error counts
            for call in calls:
                with suppress(RayTaskError, GetTimeoutError):
                    ray.get(call, timeout=30)
            raise


class ActorRank(Rank):
    def __init__(self):  # starts when all know where to meet
        torch.set_num_threads(1)

    def meeting(self):
        with socket.create_server(("", 0)) as free:
            return f"tcp://{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"

    def start(self, rank, config, meeting):
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=config.ranks)
        super().__init__(rank, config)
        return ray.get_runtime_context().get_node_id()

    def saved(self):
        file = io.BytesIO()
        self.save(file)
        return file.getvalue()

    def load_saved(self, saved):
        self.load(io.BytesIO(saved))


job = replace(
    one_node.job,
    name="on_nodes",
    model=SpiralsOnNodes,
    cpus_per_trial=1 - CPUS,  # for the process that only tells the ranks what to do
    bundles_per_trial=[{"CPU": CPUS}, {"CPU": CPUS}],
)

if __name__ == "__main__":
    main(job)
