"""What a trial asks for, and how many trials nodes hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import tiny_job

from tune_jobs.errors import UserError
from tune_jobs.on_ray.resources import NodeType, TrialResources

A100 = {"CPU": 8, "GPU": 2, "accelerator_type:A100": 1, "desk": 1}
T4 = {"CPU": 8, "GPU": 4, "accelerator_type:T4": 1}
NO_GPU = {"CPU": 16}


@pytest.mark.parametrize(
    ("fields", "slots"),
    [
        ({}, 2 + 4),
        ({"gpus_per_trial": 0}, 8 + 8 + 16),
        ({"gpus_per_trial": 0.3, "cpus_per_trial": 0.1}, 6 + 13),
        ({"accelerator_type": "A100"}, 2),
        ({"accelerator_type": "T4", "gpus_per_trial": 0.5}, 8),
        ({"resources_per_trial": {"desk": 0.25}, "gpus_per_trial": 0}, 4),
        ({"bundles_per_trial": [{"GPU": 1}] * 3}, 2),
        ({"bundles_per_trial": [{"GPU": 4}, {"GPU": 2}]}, 1),
        ({"bundles_per_trial": [{"GPU": 1}] * 2, "accelerator_type": "T4"}, 2),
        ({"bundles_per_trial": [{"CPU": 1}], "cpus_per_trial": 16}, 1),
        ({"bundles_per_trial": [{"CPU": 8, "desk": 1}], "cpus_per_trial": 8}, 1),
    ],
)
def test_trials_have_room_where_their_bundles_are(fields: dict[str, Any], slots: int) -> None:
    nodes = [A100, T4, NO_GPU]
    assert TrialResources.of(tiny_job(**fields), nodes).fit_on(nodes) == slots


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"accelerator_type": "H100"}, "1 CPU, 1 GPU, 0.001 accelerator_type:H100, and no node"),
        ({"resources_per_trial": {"desk": 2}}, "0 GPUs, 0 desk"),
        ({"bundles_per_trial": [{"CPU": 9}] * 4}, "(9 CPUs, 0 GPUs), and there is no room"),
        ({"bundles_per_trial": [{"CPU": 9}] * 4}, "or change bundles_per_trial in the job"),
        ({"resources_per_trial": {"desk": 2}}, "or change resources_per_trial in the job"),
    ],
)
def test_without_room_the_nodes_are_told(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as refused:
        TrialResources.of(tiny_job(**fields), [A100, T4, NO_GPU])
    assert told in str(refused.value)


def test_an_autoscaler_can_add_a_node_for_each_bundle() -> None:
    job = tiny_job(bundles_per_trial=[{"GPU": 4}] * 3)
    TrialResources.of(job, [NO_GPU], [NodeType("worker", T4)])
    with pytest.raises(UserError, match="can add worker"):
        TrialResources.of(job, [NO_GPU], [NodeType("worker", A100)])


@given(
    st.lists(st.fixed_dictionaries({"CPU": st.integers(0, 8), "GPU": st.integers(0, 4)})),
    st.lists(st.fixed_dictionaries({"CPU": st.integers(1, 4), "GPU": st.integers(1, 2)})),
)
def test_no_more_trials_than_there_are_resources(
    nodes: list[dict[str, float]], bundles: list[dict[str, float]]
) -> None:
    job = tiny_job(cpus_per_trial=1, gpus_per_trial=0, bundles_per_trial=bundles)
    try:
        resources = TrialResources.of(job, nodes)
    except UserError:
        return
    trials = resources.fit_on(nodes)
    assert trials >= 1
    for kind in ("CPU", "GPU"):
        taken = trials * sum(bundle.get(kind, 0) for bundle in resources.bundles)
        assert taken <= sum(node[kind] for node in nodes)
