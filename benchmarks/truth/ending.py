"""How the likelihood's integral is best ended, where its quotient is 0 / 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.report import Report
from benchmarks.truth.mixtures import DIMENSIONS, networks
from benchmarks.truth.path import Path, solve, starts
from benchmarks.truth.scores import noise, surprise
from sureflow.checkpoint import load
from sureflow.families.flow.scores.likelihood import LAST
from sureflow.networks import GaussianMixture, VelocityNetwork

SOLVERS = (("heun", 20), ("heun", 40), ("heun", 100), ("heun", 200), ("rk4", 10), ("euler", 20))

Treatment = Callable[[Path], Tensor]


def limited(last: float) -> Treatment:
    """The limit of the divergence stands for the quotient within ``last`` of the end."""
    return lambda path: -surprise(path, last=last)


def clamped(least: float, at_end: float | None = None) -> Treatment:
    """The denominator is at least ``least``; at ``t = 1`` the value is ``at_end d`` if given."""

    def likelihood(path: Path) -> Tensor:
        t, size = path.t[:, None], path.dimension
        rate = (t * path.trace - size) / (1 - t).clamp(min=least)
        if at_end is not None:
            rate = torch.where(t > 1 - 1e-9, at_end * size, rate)
        return noise(path) - path.integral(rate)

    return likelihood


TREATMENTS: dict[str, Treatment] = {
    "limit at t = 1 only": limited(1e-6),
    "limit in the last .010": limited(0.0101),
    f"limit in the last {LAST:.3f}".replace("0.", "."): limited(LAST),
    "limit in the last .025": limited(0.0251),
    "limit in the last .050": limited(0.0501),
    "nothing at t = 1": clamped(1e-6, 0.0),
    "1 - t at least .01": clamped(0.01),
    "1 - t at least .02": clamped(0.02),
    "1 - t at least .05": clamped(0.05),
}


def problems() -> dict[str, tuple[VelocityNetwork, GaussianMixture]]:
    """The learned and the exact network of every distribution."""
    ring = load("ring-exact").network
    assert isinstance(ring, GaussianMixture)
    mixtures = {f"mixture {dimension}": networks(dimension) for dimension in DIMENSIONS}
    return {**mixtures, "ring": (load("ring").network, ring)}


def measure(report: Report, quick: bool) -> None:
    """Add the error of the log-likelihood by treatment, solver and distribution, in nats."""
    for name, (learned, exact) in problems().items():
        start = starts(learned, 7, 100 if quick else 500)
        for method, steps in SOLVERS:
            path = solve(learned, start, method, steps)
            end = torch.ones(len(start), dtype=torch.float64)
            truth = exact.log_density(path.end.double(), end)
            for treatment, likelihood in TREATMENTS.items():
                error = (likelihood(path) - truth).abs().median()
                report.add(_label(name, method, steps, treatment), float(error), "nats")


def _label(name: str, method: str, steps: int, treatment: str) -> str:
    return f"ending, {name}, {method} {steps}: {treatment}"


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    lines = [
        "## The end of the likelihood's integral\n",
        "Median absolute error of the log-likelihood from the propagated variance against the "
        "exact log-density of the same samples, in nats. The quotient `(t tr Sigma - d) / (1 - t)` "
        "is 0 / 0 at `t = 1`, and near it magnifies the error of a learned variance.\n",
        "| distribution | solver | " + " | ".join(TREATMENTS) + " |",
        "|---" * (2 + len(TREATMENTS)) + "|",
    ]
    for name in [*(f"mixture {dimension}" for dimension in DIMENSIONS), "ring"]:
        for method, steps in SOLVERS:
            errors = [figures[_label(name, method, steps, each)] for each in TREATMENTS]
            least = min(errors)
            shown = [f"**{e:.3f}**" if e == least else f"{e:.3f}" for e in errors]
            lines.append(f"| {name} | {method} {steps} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"
