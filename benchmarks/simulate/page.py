"""The points as tables and pictures, for a terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from benchmarks.serving import mix
from benchmarks.simulate.costs import Costs
from benchmarks.simulate.fleet import Point

COLUMNS: dict[str, Callable[[Point], str]] = {
    "replicas": lambda p: str(p.replicas),
    "balancer": lambda p: p.balancer,
    "load": lambda p: f"{p.load:g}",
    "offered/s": lambda p: f"{p.offered:.4g}",
    "goodput/s": lambda p: f"{p.goodput:.4g}",
    "good": lambda p: f"{100 * p.good:.1f} %",
    "refused": lambda p: f"{100 * p.refused:.1f} %",
    "late": lambda p: f"{100 * p.late:.1f} %",
    "p50 s": lambda p: f"{p.p50:.3g}",
    "p99 s": lambda p: f"{p.p99:.3g}",
    "utilisation": lambda p: f"{100 * p.utilisation:.0f} %",
    "rows/tick": lambda p: f"{p.rows_per_tick:.2f}",
    "lanes waiting": lambda p: f"{p.depth:.2f}",
}


def line(point: Point) -> str:
    """One point for a terminal."""
    return "  ".join(f"{show(point)} {title}" for title, show in COLUMNS.items())


def table(points: Sequence[Point]) -> str:
    """Points in Markdown."""
    heads = "| " + " | ".join(COLUMNS) + " |"
    rule = "|" + "|".join("---" if name == "balancer" else "---:" for name in COLUMNS) + "|"
    rows = ["| " + " | ".join(show(point) for show in COLUMNS.values()) + " |" for point in points]
    return "\n".join([heads, rule, *rows])


def kinds(points: Sequence[Point]) -> str:
    """99th percentiles by kind of request, in Markdown."""
    heads = [
        "| replicas | balancer | load | " + " | ".join(f"{k}, p99 s" for k in mix.KINDS) + " |"
    ]
    heads.append("|---:|---|---:|" + "---:|" * len(mix.KINDS))
    return "\n".join(
        [
            *heads,
            *(
                f"| {p.replicas} | {p.balancer} | {p.load:g} | "
                + " | ".join(f"{p.p99_kinds.get(k, float('nan')):.3g}" for k in mix.KINDS)
                + " |"
                for p in points
            ),
        ]
    )


def compared_with(pairs: Sequence[tuple[Point, dict[str, Any]]]) -> str:
    """Simulated points next to measured ones, in Markdown."""
    lines = [
        "| load | | good | refused at once | p50 s | p95 to p99 s | rows/tick |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for simulated, measured in pairs:
        load = f"{measured['load']:g}"
        good, refused = f"{100 * simulated.good:.1f} %", f"{100 * simulated.refused:.1f} %"
        lines.append(
            f"| {load} | simulated | {good} | {refused} | {simulated.p50:.3g} "
            f"| {simulated.p95:.3g} to {simulated.p99:.3g} | {simulated.rows_per_tick:.2f} |"
        )
        lines.append(
            f"| {load} | measured | {100 * measured['goodput_share']:.1f} % "
            f"| {100 * measured['refused']:.1f} % | {measured['p50']:.3g} "
            f"| {measured['p95']:.3g} to {measured['p99']:.3g} | {measured['rows_per_tick']:.2f} |"
        )
    return "\n".join(lines)


def page(
    costs: Costs,
    points: Sequence[Point],
    pairs: Sequence[tuple[Point, dict[str, Any]]],
    machine: dict[str, Any],
    command: str,
) -> str:
    """The whole page."""
    on = f"{machine['processor']}, torch {machine['torch']}"
    ticks = ", ".join(f"{1e3 * seconds:.1f}" for seconds in costs.tick_s[1:])
    mean = {tolerance: sum(seen) / len(seen) for tolerance, seen in costs.adaptive.items()}
    adaptive = ", ".join(f"{rows:.1f} at {tolerance:g}" for tolerance, rows in mean.items())
    parts = [
        "# Many replicas",
        f"Written by `{command}`.",
        "The scheduler, the forecast that refuses what would be late, and the requests of\n"
        "[`benchmarks.serving`](serving-bulk.md) are the real ones. The clock is simulated: ticks\n"
        "take what those of so many rows were measured to take on this machine, and nothing else\n"
        "takes any time: no network, no encoding, no balancer. Deadlines do not change adaptive\n"
        "samples here. Behind the balancer all replicas are alike.",
        f"* Measured: `{costs.model}`, {on}, one thread.\n"
        f"  Milliseconds of a tick with 1 to {costs.rows} rows: {ticks}.\n"
        f"* Mean evaluations of an adaptive sample, by tolerance: {adaptive}.\n"
        f"* Load 1 is {1 / costs.row_s:.1f} rows a second on every replica: only full ticks.\n"
        "* *Good* is answered before the request's own deadline; *refused* at once; *late* given\n"
        "  up at the deadline. The first quarter of the requests warms up and is not counted.",
        "![Goodput and latency](simulate.png)",
        "## Replicas and load",
        table([p for p in points if p.balancer == "least outstanding"]),
        "## Balancers",
        table([p for p in points if p.load == 0.8]),
        "## By kind of request",
        kinds([p for p in points if p.balancer == "least outstanding" and p.load == 0.8]),
    ]
    if pairs:
        parts += [
            "## Compared with the real server",
            "One replica, with ticks scaled to the speed that the machine had in the run of\n"
            "[`serving-bulk.md`](serving-bulk.md), beside what was measured there. What is left\n"
            "out shows: the real server refuses more.",
            compared_with(pairs),
        ]
    return "\n\n".join(parts) + "\n"


def plot(points: Sequence[Point], path: Path) -> None:
    """Goodput and 99th percentile against load, by replicas."""
    figure, panels = plt.subplots(1, 2, figsize=(9.0, 3.8))
    chosen = [p for p in points if p.balancer == "least outstanding"]
    for replicas, marker in zip(dict.fromkeys(p.replicas for p in chosen), "osD^v", strict=False):
        mine = sorted((p for p in chosen if p.replicas == replicas), key=lambda p: p.load)
        loads = [p.load for p in mine]
        name = f"{replicas} replica" + ("s" if replicas > 1 else "")
        panels[0].plot(loads, [p.goodput / replicas for p in mine], marker=marker, label=name)
        panels[1].plot(loads, [p.p99_kinds["interactive"] for p in mine], marker=marker, label=name)
    panels[0].plot(loads, [p.offered / replicas for p in mine], "--", color="grey", label="offered")
    panels[0].set_ylabel("answered in time, requests/s per replica")
    panels[1].set_ylabel("interactive requests, p99 in seconds")
    for panel in panels:
        panel.set_xlabel("load")
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
