"""What torch has in Python runs without its compiler, and does the same."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import torch
from torch.utils.flop_counter import FlopCounterMode
from sureflow.core.unwatched import unwatched

def counted():
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        torch.nn.functional.linear(torch.ones(3, 5), torch.ones(7, 5))
    return counter.get_total_flops()

with unwatched(FlopCounterMode.__module__):
    first = counted()
assert "torch._dynamo" not in sys.modules
assert first == counted() == 2 * 3 * 5 * 7
assert "torch._dynamo" in sys.modules, "it is asked where nobody is kept from it"
with unwatched(FlopCounterMode.__module__):
    assert counted() == first
"""


def test_operations_are_counted_without_the_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


LOADED = """
import sys
from sureflow.checkpoint import load
from sureflow.folders import checkpoint_folders, embedded_folder

names = [load(folder).card.name for folder in checkpoint_folders(embedded_folder())]
assert len(names) > 1
print(*({"torch._dynamo", "scipy.stats", "scipy.optimize", "sklearn", "pandas"} & {*sys.modules}))
"""


def test_loading_what_ships_imports_nothing_that_takes_long() -> None:
    """A compiler takes a second and 30 MiB, statistics half of that: no server needs them."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
