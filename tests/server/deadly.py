"""A network from elsewhere that ends the process, or never comes back, when it is made."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from sureflow.moments import Moments
from sureflow.networks import VelocityNetwork


def sleep() -> None:
    time.sleep(600)


def run_out_of_memory() -> None:
    """As the kernel ends it."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang_up() -> None:
    """Close all files, the pipe of the worker included."""
    os.closerange(3, 1 << 16)
    time.sleep(600)


DEEDS: dict[str, Callable[[], object]] = {
    "exits": lambda: os._exit(3),
    "asks-to-exit": lambda: sys.exit("bye"),
    "crashes": lambda: ctypes.string_at(0),
    "hangs-up": hang_up,
    "recurses": lambda: recurse(),
    "allocates": lambda: bytearray(1 << 60),
    "runs-out-of-memory": run_out_of_memory,
    "sleeps": sleep,
}
"""What it does, by name."""


def recurse() -> None:
    recurse()


class Deadly(VelocityNetwork):
    """Velocity ``-x``, if it is ever made.

    Args:
        deed: What it does instead; ``random``, ``crowd`` and ``exits-later`` when it is evaluated.
    """

    trained = False

    def __init__(self, deed: str) -> None:
        super().__init__((2,), 0, floor=0.0)
        self.noise = nn.ModuleDict()
        self.deed = deed
        if deed in DEEDS:
            DEEDS[deed]()

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        mean = -x
        if self.deed == "random":
            mean = mean + torch.randn_like(x)
        if self.deed == "crowd":
            mean = mean - x.mean(0)
        if self.deed == "exits-later":
            os._exit(4)
        return Moments(mean, torch.ones_like(x) if noisy else None)


def install(folder: Path) -> Path:
    """Make a folder in which a distribution with this network is installed."""
    info = folder / "deadly-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[sureflow.networks]\ndeadly = tests.server.deadly:Deadly\n"
    )
    return folder
