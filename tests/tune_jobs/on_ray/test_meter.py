"""What a trial uses is measured in the worker's own process."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tune_jobs.on_ray.meter import Meter

MB = 1_000_000
BUSY = 0.2  # seconds
CHILD = f"""
import time
while time.process_time() < {BUSY}: pass
held = bytearray({100 * MB})
print("ready", flush=True)
input()
"""


@pytest.fixture
def meter() -> Meter:
    meter = Meter()
    meter.start()
    return meter


def work() -> None:
    until = time.process_time() + BUSY
    while time.process_time() < until:
        pass


def test_cpu_time_counts_from_one_new_epoch_to_the_next(meter: Meter) -> None:
    work()
    assert BUSY <= meter.read(is_new=True).cpu_seconds < 10 * BUSY
    assert meter.read(is_new=True).cpu_seconds < BUSY
    work()
    assert meter.read(is_new=False).cpu_seconds == 0
    found = meter.read(is_new=True)
    assert found.cpu_seconds >= BUSY, "with what was done again"
    assert found.trained_again == 1
    assert meter.read(is_new=True).trained_again == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can forget a peak")
def test_each_trial_has_a_peak_of_its_own(meter: Meter) -> None:
    before = meter.read(is_new=True).memory_bytes
    del_me = bytearray(200 * MB)
    del del_me
    assert meter.read(is_new=True).memory_bytes > before + 150 * MB, "the most, not what is left"
    meter.start()
    assert meter.read(is_new=True).memory_bytes < before + 50 * MB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells them at once")
def test_programs_that_a_trial_started_count(meter: Meter) -> None:
    before = meter.read(is_new=True)
    command = [sys.executable, "-c", CHILD]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        child.stdout.readline()
        found = meter.read(is_new=True)
        assert found.cpu_seconds >= BUSY
        assert found.memory_bytes > before.memory_bytes + 90 * MB
        child.communicate("\n")
    assert meter.read(is_new=True).cpu_seconds < BUSY, "it is not counted twice"
