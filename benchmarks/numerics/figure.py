"""Plots of the curves: error and wrong modes over evaluations."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.numerics.point import Point

STYLES = {
    "ab2, adaptive": ("#000000", "o", "-"),
    "bosh3, adaptive": ("#56B4E9", "X", "-"),
    "heun, uniform grid": ("#0072B2", "s", "-"),
    "heun, fitted grid": ("#0072B2", "s", "--"),
    "bosh3, uniform grid": ("#D55E00", "^", "-"),
    "bosh3, fitted grid": ("#D55E00", "^", "--"),
    "euler, uniform grid": ("#009E73", "v", "-"),
    "euler, fitted grid": ("#009E73", "v", "--"),
    "torchdiffeq dopri5": ("#CC79A7", "D", ":"),
    "torchode dopri5": ("#E69F00", "P", ":"),
}
"""Colour (of Okabe and Ito, for every kind of sight), marker and line by solver."""


def draw(curves: dict[str, dict[str, list[Point]]], folder: Path) -> None:
    """Write ``numerics-error.png`` and ``numerics-modes.png``, one panel per model."""
    titles = {
        "error": "rms end-point error, data units",
        "modes": "samples in a wrong mode, %",
    }
    for kind, label in titles.items():
        figure, axes = plt.subplots(
            1, len(curves), figsize=(5.5 * len(curves), 4.6), squeeze=False, layout="constrained"
        )
        for panel, (name, solvers) in zip(axes[0], curves.items(), strict=True):
            for solver, (colour, marker, line) in STYLES.items():
                points = sorted(solvers.get(solver, ()), key=lambda p: p.mean)
                values = [p.rms if kind == "error" else 100 * p.wrong for p in points]
                if points:
                    at = [p.mean for p in points]
                    panel.plot(
                        at, values, line, color=colour, marker=marker, markersize=5, label=solver
                    )
            panel.set(title=name, xlabel="network evaluations per sample (mean)", ylabel=label)
            panel.set_xscale("log", base=2)
            panel.set_xticks([8, 16, 32, 64], ["8", "16", "32", "64"])
            panel.set_yscale("log" if kind == "error" else "linear")
            panel.grid(alpha=0.25, which="both")
        axes[0, 0].legend(fontsize=8, frameon=False)
        figure.savefig(folder / f"numerics-{kind}.png", dpi=110)
        plt.close(figure)
