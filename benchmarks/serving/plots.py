"""Latency and goodput as pictures."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.serving.figures import Figures
from benchmarks.serving.tables import Points

COLOURS = ("#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")
"""Okabe and Ito's, told apart by the colour-blind; markers tell them apart in print."""

MARKERS = "osD^vPX"
QUANTILES = {"p50": "o", "p95": "s", "p99": "^"}
INCHES, DPI = (8.0, 4.6), 110


def plot(points: Points, folder: Path, stem: str) -> None:
    """Write ``STEM-latency.png`` and ``STEM-goodput.png``."""
    _save(_latency(points), folder / f"{stem}-latency.png")
    _save(_goodput(points), folder / f"{stem}-goodput.png")


def _latency(points: Points) -> Figure:
    """One panel per load: p50 to p99 of answered requests, one line per server."""
    names, loads = _servers(points), sorted({load for _, load in points})
    rows = math.ceil(len(loads) / 2)
    figure, grid = plt.subplots(
        rows, 2, figsize=(INCHES[0], 1.2 + 3.2 * rows), sharex=True, sharey=True, squeeze=False
    )
    panels = list(grid.flat)
    for panel, load in zip(panels, loads, strict=False):
        for place, name in enumerate(names):
            if (name, load) in points:
                _one(panel, place, points[name, load])
        panel.set_title(f"load {load:g}")
    for panel in panels[len(loads) :]:
        panel.set_visible(False)
    for panel in panels:
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.margins(y=0.2)
        panel.set_xlim(-0.6, len(names) - 0.4)
        panel.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=10)
        panel.grid(axis="y", alpha=0.3)
    for panel in grid[:, 0]:
        panel.set_ylabel("seconds")
    shown = [
        Line2D([], [], color="grey", marker=marker, linestyle="", markersize=8, label=label)
        for label, marker in QUANTILES.items()
    ]
    figure.legend(handles=shown, loc="lower right", ncols=3, frameon=False)
    figure.suptitle("Latency of answered requests; above each: share refused or not answered")
    return figure


def _one(panel: Axes, place: int, each: Figures) -> None:
    """The quantiles of one server at one load, if anything was answered."""
    if not math.isfinite(each.p50):
        return
    values = [each.p50, each.p95, each.p99]
    panel.plot([place] * 3, values, color=_colour(place), linewidth=3, alpha=0.5)
    for value, marker in zip(values, QUANTILES.values(), strict=True):
        panel.plot(place, value, marker, color=_colour(place), markersize=7)
    if (left := each.refused + each.unanswered) > 0:
        text = f"{100 * left:.0f} %"
        at, offset = (place, each.p99), (0, 8)
        panel.annotate(text, at, offset, textcoords="offset points", ha="center", fontsize=9)


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
    panel.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
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
