"""Which solvers are run at which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

LEVELS = {"ring": (0.02, 0.01), "fashion": (0.04, 0.02)}
"""Rms end-point errors, in data units, at which solvers are compared."""

ADAPTIVE = ("ab2, adaptive", "bosh3, adaptive")
PAIRS = {"torchdiffeq dopri5": 0.6, "heun, uniform grid": 0.75}
"""Baseline of adaptive steps, and the share of its evaluations that they may take."""

BUILDS = {"euler": (8, 16, 32), "heun": (4, 8, 16), "bosh3": (3, 5, 11)}
"""Steps that come to 8, 16 and 32 evaluations, bosh3's to 9, 15 and 33."""

Settings = dict[str, Sequence[float]]
Counts = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Suite:
    """Settings of every solver: step counts on a grid, tolerances otherwise.

    Attributes:
        samples: Samples per setting.
        peer_samples: How many of them the solvers of other libraries are given.
        uniform: Step counts on the uniform grid, by method.
        adaptive: Tolerances of adaptive steps, by method.
        peers: Tolerances by solver.
        fitted: Step counts on the fitted grid, by method.
    """

    samples: int
    peer_samples: int
    uniform: Counts
    adaptive: Settings
    peers: Settings
    fitted: Counts


RING = Suite(
    samples=32_768,
    peer_samples=8192,
    uniform={
        "euler": (8, 16, 32),
        "heun": (4, 7, 8, 9, 10, 11, 12, 14, 16, 18),
        "bosh3": (3, 4, 5, 7, 11),
    },
    adaptive={
        "ab2": (0.06, 0.046, 0.036, 0.028, 0.022, 0.017, 0.012, 0.009, 0.006, 0.0045, 0.0033),
        "bosh3": (0.2, 0.12, 0.06, 0.02, 0.008, 0.005),
    },
    peers={
        "torchdiffeq dopri5": (1e-3, 4e-4, 1e-4, 3e-5, 1e-5),
        "torchode dopri5": (1e-3, 3e-4, 1e-4),
    },
    fitted=BUILDS,
)
FASHION = Suite(
    samples=200,
    peer_samples=200,
    uniform={"heun": (4, 8, 10, 13, 16, 20), "bosh3": (3, 4, 5)},
    adaptive={
        "ab2": (0.04, 0.02, 0.012, 0.006, 0.004, 0.003),
        "bosh3": (0.03, 5e-3, 2e-3, 1.3e-3, 7e-4, 4e-4),
    },
    peers={"torchdiffeq dopri5": (1e-2, 5e-3, 3e-3, 1e-3, 3e-4)},
    fitted={"heun": BUILDS["heun"], "bosh3": BUILDS["bosh3"][:2]},
)


def suite(name: str, quick: bool) -> Suite:
    """The settings for a model; the quick ones are a glance, not a measurement."""
    whole = {"ring": RING, "fashion": FASHION}[name]
    if not quick:
        return whole
    few = {"ring": 200, "fashion": 4}[name]
    peers = {peer: tolerances[::3] for peer, tolerances in whole.peers.items()}
    adaptive = {"ab2": whole.adaptive["ab2"][::3]}
    uniform = whole.uniform if name == "ring" else {**BUILDS}
    return replace(whole, samples=few, uniform=uniform, adaptive=adaptive, peers=peers)
