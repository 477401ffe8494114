"""The workload: who asks for what, and when.

Requests are drawn independently, of these kinds (rows are network evaluations per request):

* interactive: one sample, Heun with 6 to 12 steps; one in five guided at 1.5, which doubles its
  rows. 12 to 48 rows.
* adaptive: one or two samples, ``bosh3`` with a tolerance of 0.1 or 0.03.
* gallery: four samples, Heun with 16 steps. 128 rows.
* bulk: eight samples, Heun with 25 steps. 400 rows.

In the mix ``few`` nobody asks for more than four samples; in ``bulk`` four in a hundred are bulk
requests. They are a third of the work then, and the 99th percentile of latency over all requests is
that of the third quarter of them: it is about when large requests get done, and the other kinds
hardly matter to it.

Arrivals are a Poisson process: exponential gaps, drawn once at unit rate and stretched to the rate
of each load, so that every server at every load meets the same requests in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sureflow.families.flow.spec import FlowSpec

CLASSES = 10
GUIDED = 1.5
ADAPTIVE_ROWS = {0.1: 14, 0.03: 22}
"""Typical rows of an adaptive ``fashion`` sample by tolerance. Only deadlines come from them."""

KINDS = ("interactive", "adaptive", "gallery", "bulk")
MIXES = {"few": (0.62, 0.26, 0.12, 0.0), "bulk": (0.60, 0.25, 0.11, 0.04)}
"""Shares of the kinds."""

MIX = "few"

GRACE_S = 0.5
SLOWDOWN = 5.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the mix.

    Attributes:
        kind: One of :data:`KINDS`.
        at: When it arrives, in mean gaps since the start; divide by a rate to get seconds.
        seed: Seed, different for every request.
        n: Samples.
        method: Solver.
        steps: Steps of a fixed grid, or ``None`` with a tolerance.
        tolerance: Tolerance of adaptive steps, or ``None``.
        label: Class.
        guidance: Scale of guidance; 1 for none.
    """

    kind: str
    at: float
    seed: int
    n: int
    method: str
    steps: int | None
    tolerance: float | None
    label: int
    guidance: float

    @property
    def rows(self) -> int:
        """Network evaluations it takes: exact on a fixed grid, typical with a tolerance."""
        each = ADAPTIVE_ROWS[self.tolerance] if self.tolerance else 2 * (self.steps or 0)
        return self.n * each * (1 if self.guidance == 1 else 2)

    def deadline_s(self, row_s: float, grace: float = GRACE_S, slowdown: float = SLOWDOWN) -> float:
        """Seconds in which it must be answered: a fixed grace and a multiple of its own work.

        Args:
            row_s: Seconds per row of the offline loop in full batches, measured in the same run.
            grace: Seconds that everybody has.
            slowdown: How many times longer its rows may take than in the offline loop.
        """
        return grace + slowdown * self.rows * row_s

    def specs(self) -> list[FlowSpec]:
        """Its lanes, for the library's offline loop."""
        chosen = {"steps": self.steps} if self.tolerance is None else {"tolerance": self.tolerance}
        return [
            FlowSpec(
                self.seed, index, self.method, label=self.label, guidance=self.guidance, **chosen
            )
            for index in range(self.n)
        ]

    def body(self, model: str, output: str = "png") -> dict[str, Any]:
        """The JSON body that our server and all peers understand."""
        chosen = {"steps": self.steps} if self.tolerance is None else {"tolerance": self.tolerance}
        return {
            "model": model,
            "n": self.n,
            "seed": self.seed,
            "condition": {"label": self.label},
            "guidance": {"scale": self.guidance},
            "sampler": {"method": self.method, **chosen},
            "output": {"format": output},
        }


def draw(seed: int, mix: str = MIX) -> Iterator[Request]:
    """Endless requests in the order of their arrival; the same for the same seed and mix."""
    generator = np.random.default_rng(seed)
    at = 0.0
    for number in range(2**31):
        at += generator.exponential()
        yield _one(generator, at, seed * 2**31 + number, MIXES[mix])


def until(seed: int, end: float, mix: str = MIX) -> list[Request]:
    """Those of :func:`draw` that arrive before ``end``, in mean gaps."""
    requests = []
    for request in draw(seed, mix):
        if request.at >= end:
            break
        requests.append(request)
    return requests


def _one(
    generator: np.random.Generator, at: float, seed: int, shares: tuple[float, ...]
) -> Request:
    kind = KINDS[generator.choice(len(KINDS), p=shares)]
    n, method, steps, tolerance, guidance = 1, "heun", None, None, 1.0
    if kind == "interactive":
        steps = int(generator.integers(6, 13))
        guidance = GUIDED if generator.random() < 0.2 else 1.0
    elif kind == "adaptive":
        n, method = int(generator.integers(1, 3)), "bosh3"
        tolerance = (0.1, 0.03)[generator.integers(2)]
    elif kind == "gallery":
        n, steps = 4, 16
    else:
        n, steps = 8, 25
    label = int(generator.integers(CLASSES))
    return Request(kind, at, seed, n, method, steps, tolerance, label, guidance)
