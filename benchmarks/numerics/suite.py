"""Which solvers are run at which settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

LEVELS = {"ring": (0.02, 0.01), "fashion": (0.04, 0.02)}
"""Rms end-point errors, in data units, at which solvers are compared."""

BUILDS = {"euler": (8, 16, 32), "heun": (4, 8, 16), "bosh3": (3, 5, 11)}
"""Steps that come to 8, 16 and 32 evaluations, bosh3's to 9, 15 and 33."""

Settings = dict[str, Sequence[float]]
Counts = dict[str, Sequence[int]]


@dataclass(frozen=True)
class Suite:
    """Settings of every solver: step counts on a grid, tolerances otherwise."""

    samples: int
    uniform: Counts
    adaptive: Settings
    peers: Settings
    fitted: Counts


RING = Suite(
    samples=32_768,
    uniform={
        "euler": (8, 16, 32),
        "heun": (4, 8, 9, 10, 11, 14, 16, 18),
        "bosh3": (3, 4, 5, 7, 11),
    },
    adaptive={
        "ab2": (0.08, 0.05, 0.0355, 0.025, 0.018, 0.013, 0.011, 0.008),
        "bosh3": (0.2, 0.12, 0.06, 0.02, 0.008),
    },
    peers={
        "torchdiffeq dopri5": (1e-3, 4e-4, 1e-4, 3e-5, 1e-5, 3e-6),
        "torchode dopri5": (3e-4, 1e-4),
    },
    fitted=BUILDS,
)
FASHION = Suite(
    samples=200,
    uniform={"heun": (4, 8, 10, 16), "bosh3": (3, 5)},
    adaptive={"ab2": (0.04, 0.02, 0.012, 0.006), "bosh3": (0.03, 2e-3, 7e-4)},
    peers={"torchdiffeq dopri5": (1e-2, 3e-3, 1e-3, 3e-4)},
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
