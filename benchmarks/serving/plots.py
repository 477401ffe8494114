"""Latency and goodput as pictures."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.serving.tables import Points

COLOURS = ("#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
"""Okabe and Ito's, told apart by the colour-blind; markers tell them apart in print."""

MARKERS = "osD^vPX"
INCHES, DPI = (8.0, 4.6), 110


def plot(points: Points, folder: Path) -> None:
    """Write ``serving-latency.png`` and ``serving-goodput.png``."""
    _save(_latency(points), folder / "serving-latency.png")
    _save(_goodput(points), folder / "serving-goodput.png")


def _latency(points: Points) -> Figure:
    """One panel per load: p50 to p99 of answered requests, one line per server."""
    names, loads = _servers(points), sorted({load for _, load in points})
    figure, panels = plt.subplots(1, len(loads), figsize=INCHES, sharey=True, squeeze=False)
    for panel, load in zip(panels[0], loads, strict=True):
        for place, name in enumerate(names):
            if (each := points.get((name, load))) is not None and math.isfinite(each.p50):
                quantiles = [each.p50, each.p95, each.p99]
                panel.plot([place] * 3, quantiles, color=_colour(place), linewidth=3, alpha=0.5)
                for value, marker in zip(quantiles, "_so", strict=True):
                    panel.plot(place, value, marker, color=_colour(place), markersize=8)
                left = each.refused + each.unanswered
                if left > 0:
                    text = f"{100 * left:.0f}%"
                    panel.annotate(
                        text, (place, each.p99), (0, 8), textcoords="offset points", ha="center"
                    )
        panel.set_yscale("log")
        panel.set_title(f"load {load:g}")
        panel.set_xticks(range(len(names)), names, rotation=40, ha="right")
        panel.set_xlim(-0.6, len(names) - 0.4)
        panel.grid(axis="y", alpha=0.3)
    panels[0][0].set_ylabel("latency of answered requests, s\n– p50   ■ p95   ● p99")
    figure.suptitle("Latency (above a line: share refused or not answered)", fontsize=12)
    return figure


def _goodput(points: Points) -> Figure:
    """Goodput against the offered load, with the line that nobody can be above."""
    figure, panel = plt.subplots(figsize=INCHES)
    assert isinstance(panel, Axes)
    for place, name in enumerate(_servers(points)):
        mine = {load: each.goodput for (server, load), each in points.items() if server == name}
        panel.plot(
            sorted(mine),
            [mine[load] for load in sorted(mine)],
            marker=MARKERS[place % len(MARKERS)],
            color=_colour(place),
            linewidth=2,
            markersize=8,
            label=name,
        )
    offered = {load: each.offered for (_, load), each in points.items()}
    loads = sorted(offered)
    panel.plot(loads, [offered[x] for x in loads], "--", color="grey", label="offered")
    panel.set_xlabel("offered load, as a share of the offline loop's capacity")
    panel.set_ylabel("correct and in time, requests per second")
    panel.set_ylim(bottom=0)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=10)
    panel.set_title("Goodput")
    return figure


def _servers(points: Points) -> list[str]:
    return list(dict.fromkeys(name for name, _ in points))


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
