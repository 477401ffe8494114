"""The variance against the divergence of the velocity, the paper's central observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.report import Report
from benchmarks.truth.path import divergence, solve, starts
from sureflow.checkpoint import load

TITLE, SEED = "divergence, ring", 7
TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)


def measure(report: Report, quick: bool) -> None:
    """Add rank correlations of ``tr Sigma`` with the divergence and with its size."""
    network = load("ring").network
    path = solve(network, starts(network, SEED, 500 if quick else 5000))
    trace = path.trace.numpy()
    along = divergence(network, path, trace.shape[1]).numpy()
    for name, value in (("div v", along), ("|div v|", np.abs(along))):
        report.add(f"{TITLE}: all times, with {name}", _rank(trace, value))
        for t in TIMES:
            point = int(np.flatnonzero(path.first.numpy() & (path.t.numpy() >= t - 1e-9))[0])
            report.add(f"{TITLE}: t = {t}, with {name}", _rank(trace[point], value[point]))
        integral = path.weight.numpy() @ value
        report.add(f"{TITLE}: integrals, with {name}", _rank(path.weight.numpy() @ trace, integral))


def _rank(a: np.ndarray, b: np.ndarray) -> float:
    return float(spearmanr(a.ravel(), b.ravel())[0])


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    lines = [
        "## The variance and the divergence, on `ring`",
        "",
        "Spearman of `tr Sigma` with the learned velocity's exact divergence along served paths.",
        "Certain regions contract, so that the size of the divergence is large there too.",
        "",
        "| where | with div v | with its size |",
        "| --- | ---: | ---: |",
    ]
    for where in ("all times", *(f"t = {t}" for t in TIMES), "integrals"):
        signed, size = (figures[f"{TITLE}: {where}, with {name}"] for name in ("div v", "|div v|"))
        lines.append(f"| {where} | {signed:.3f} | {size:.3f} |")
    return "\n".join(lines)
