"""Tests of memory that is kept for the tensors to come, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = """
import resource
import torch
from sureflow import allocator

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        large = [torch.ones(100, 1000) for _ in range(20)]
        del large
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    return int(open("/proc/self/statm").read().split()[1])

torch.set_num_threads(1)
{keep}
faults()
print(faults(), held(), end=" ")
allocator.give_back()
print(held())
"""


def _run(keep: str) -> list[int]:
    # By default the threshold depends on what was let go of before.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(1 << 17)}
    command = [sys.executable, "-c", FAULTS.format(keep=keep)]
    ran = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    return [*map(int, ran.stdout.split())]


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="counts pages as Linux shows them"
)
def test_memory_that_was_let_go_of_is_not_asked_for_again() -> None:
    asked, _, _ = _run("")
    kept, before, after = _run("allocator.keep_freed()")
    assert kept < 0.05 * asked
    assert before - after > 1000  # pages of the 8 MB that were kept
