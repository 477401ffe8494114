"""Learned networks on Gaussian mixtures, where score, likelihood and variance are all known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as Folder
from statistics import NormalDist
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from benchmarks.report import Report
from benchmarks.truth.path import Path, divergence, evaluate, exact_trace, solve, starts
from benchmarks.truth.scores import flow_surprise, plain, surprise
from sureflow.checkpoint import load
from sureflow.core.path import LINEAR
from sureflow.networks import GaussianMixture, VelocityNetwork
from sureflow.training.mixture import Mixture

CHECKPOINTS = Folder(__file__).parent / "checkpoints"
DIMENSIONS = (2, 8, 32)
SOLVERS = (("heun", 20), ("rk4", 10), ("euler", 20))
TIMES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
NOMINAL = (0.5, 0.8, 0.9, 0.95)
SEED = 7
SPEARMAN = "Spearman with the exact integral"
WITHIN = "the same within one component, least"
SQUARE = "mean squared residual"
DENSITY, FLOW = "exact density", "learned flow"
BARS = {
    SPEARMAN: "at least 0.97",
    f"propagated / {DENSITY}, of means, % off": "at most 10",
    f"propagated / {FLOW}, of means, % off": "at most 10",
}


def measure(report: Report, quick: bool) -> None:
    """Add the figures of all dimensions to a report."""
    samples, residuals = (500, 5000) if quick else (4000, 100_000)
    for dimension in DIMENSIONS:
        learned, exact = networks(dimension)
        start = starts(learned, SEED, samples)
        for method, steps in SOLVERS:
            path = solve(learned, start, method, steps)
            title = f"mixture {dimension}, {method} {steps}"
            figures = rank(path, exact)
            figures |= likelihood(path, learned, exact, 200 if quick else 1000)
            for name, value in figures.items():
                report.add(f"{title}: {name}", value, BARS.get(name, ""))
        add_coverage(report, dimension, residuals // (4 if dimension > 8 else 1))


def add_coverage(report: Report, dimension: int, count: int) -> None:
    """Add the figures of :func:`coverage`, and the largest deviations over time."""
    square, share = [], []
    for t, figures in coverage(*networks(dimension), count):
        for name, value in figures.items():
            report.add(f"mixture {dimension}, t = {t}: {name}", value)
        square.append(abs(figures[SQUARE] - 1))
        share += [
            abs(value - figures[f"{name}, exact network"])
            for name, value in figures.items()
            if f"{name}, exact network" in figures and name != SQUARE
        ]
    report.add(f"mixture {dimension}: mean square furthest from 1", max(square), "at most 0.05")
    report.add(f"mixture {dimension}: share furthest from that of the truth", max(share))


def networks(dimension: int) -> tuple[VelocityNetwork, GaussianMixture]:
    """The learned network and the exact one."""
    return load(CHECKPOINTS / f"mixture-{dimension}").network, Mixture(dimension).exact


def rank(path: Path, exact: GaussianMixture) -> dict[str, float]:
    """Spearman correlation of the plain score with the exact integral on the same paths.

    Of all samples, and the least among those nearest to one mean: components differ in size, and
    with it in the integral, which alone would rank much.
    """
    score, truth = plain(path), path.integral(exact_trace(exact, path))
    nearest = torch.cdist(path.end.double(), exact.means).argmin(1)
    within = [
        float(spearmanr(score[nearest == component], truth[nearest == component])[0])
        for component in range(len(exact.means))
    ]
    return {SPEARMAN: float(spearmanr(score, truth)[0]), WITHIN: min(within)}


def likelihood(
    path: Path, learned: VelocityNetwork, exact: GaussianMixture, count: int
) -> dict[str, float]:
    """Log-likelihoods from the propagated variance against two truths, in nats and percent.

    Args:
        path: Of the learned network.
        learned: It.
        exact: The mixture that it learned.
        count: Paths whose divergence is taken by differentiation; it costs ``d`` backward passes.
    """
    density = exact.log_density(path.end.double(), torch.ones(len(path.end), dtype=torch.float64))
    ours = -surprise(path)
    flow = -flow_surprise(path, divergence(learned, path, count))
    return {
        "mean log-likelihood, propagated variance": float(ours.mean()),
        "mean exact log-density of the samples": float(density.mean()),
        f"propagated / {DENSITY}, of means, % off": _off(ours, density),
        f"propagated / {DENSITY}, mean absolute, % off": _apart(ours, density),
        f"propagated / {FLOW}, of means, % off": _off(ours[:count], flow),
        f"propagated / {FLOW}, mean absolute, % off": _apart(ours[:count], flow),
        "Spearman of propagated and exact density": float(spearmanr(ours, density)[0]),
    }


def _off(estimate: Tensor, truth: Tensor) -> float:
    return 100 * float((estimate.mean() - truth.mean()) / truth.mean().abs())


def _apart(estimate: Tensor, truth: Tensor) -> float:
    return 100 * float((estimate - truth).abs().mean() / truth.mean().abs())


def coverage(
    learned: VelocityNetwork, exact: GaussianMixture, count: int
) -> list[tuple[float, dict[str, float]]]:
    """Residuals ``(u - v) / sqrt(Sigma)`` at true ``(x_t, t)``, by time.

    Their mean square is one whatever the distribution of ``u``: that is the claim. Shares within
    the intervals of a Gaussian are nominal only where ``u`` given ``x_t`` is one, which between
    modes it is not; beside them stands what the exact velocity and variance reach.
    """
    generator = torch.Generator().manual_seed(SEED)
    x1 = exact.draw(count, generator).float()
    x0 = torch.randn(x1.shape, generator=generator)
    rows = []
    for t in TIMES:
        x = LINEAR.interpolate(x0, x1, torch.full((count,), t))
        ours = _standardised(learned, x, x1 - x0, t)
        best = _standardised(exact, x.double(), (x1 - x0).double(), t)
        figures = {
            SQUARE: float(ours.mean()),
            f"{SQUARE}, exact network": float(best.mean()),
        }
        for level, bound in zip(NOMINAL, _bounds(), strict=True):
            figures[f"share within {level:.0%}"] = float((ours < bound).double().mean())
            figures[f"share within {level:.0%}, exact network"] = float(
                (best < bound).double().mean()
            )
        rows.append((t, figures))
    return rows


def _standardised(network: VelocityNetwork, x: Tensor, u: Tensor, t: float) -> Tensor:
    velocity, variance = evaluate(network, x, t)
    return (u - velocity).double().square() / variance


def _bounds() -> list[float]:
    """Squares of the half-widths of central Gaussian intervals."""
    return [NormalDist().inv_cdf(0.5 + level / 2) ** 2 for level in NOMINAL]


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    lines = [
        "## Mixtures in 2, 8 and 32 dimensions\n",
        "Four stretched Gaussians each; networks learn velocity and variance together. Spearman "
        "is of the plain score and the exact integral on the same paths, of all samples and, the "
        "least, of those of one component. Log-likelihood comes from "
        "the propagated variance alone; the exact density is that of the mixture at the samples, "
        "and the learned flow's own is by differentiation. Per cent off: of the means, and in "
        "brackets the mean absolute difference of a sample.\n",
        "| dimensions | solver | Spearman | within one component | log-likelihood "
        "| exact density | off the exact density | off the learned flow |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for dimension in DIMENSIONS:
        for method, steps in SOLVERS:
            of = _reader(figures, f"mixture {dimension}, {method} {steps}: ")
            against = [
                f"{of(f'propagated / {truth}, of means, % off'):+.1f} % "
                f"({of(f'propagated / {truth}, mean absolute, % off'):.1f} %)"
                for truth in (DENSITY, FLOW)
            ]
            lines.append(
                f"| {dimension} | {method} {steps} | {of(SPEARMAN):.3f} "
                f"| {of(WITHIN):.3f} "
                f"| {of('mean log-likelihood, propagated variance'):.2f} "
                f"| {of('mean exact log-density of the samples'):.2f} | "
                + " | ".join(against)
                + " |"
            )
    return "\n".join([*lines, "", *_coverage_lines(figures)]) + "\n"


def _coverage_lines(figures: Mapping[str, Any]) -> list[str]:
    lines = [
        "Coverage: residuals of the target at true points, in units of the predicted deviation. "
        "The claim is the mean square, which is 1 for a right variance whatever the distribution. "
        "Shares within Gaussian intervals are given beside those of the exact velocity and "
        "variance (second number): between modes the target is no Gaussian, and not even the truth "
        "covers nominally.\n",
        "| dimensions | t | mean square (exact) | "
        + " | ".join(f"within {level:.0%}" for level in NOMINAL)
        + " |",
        "|---" * (3 + len(NOMINAL)) + "|",
    ]
    for dimension in DIMENSIONS:
        for t in TIMES:
            of = _reader(figures, f"mixture {dimension}, t = {t}: ")
            shares = [
                f"{of(f'share within {level:.0%}'):.1%} / "
                f"{of(f'share within {level:.0%}, exact network'):.1%}"
                for level in NOMINAL
            ]
            lines.append(
                f"| {dimension} | {t} | {of(SQUARE):.3f} "
                f"({of(f'{SQUARE}, exact network'):.3f}) | " + " | ".join(shares) + " |"
            )
    return lines


def _reader(figures: Mapping[str, Any], title: str) -> Any:
    return lambda name: figures[title + name]
