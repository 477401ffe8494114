"""Up to a thousand replicas behind a balancer, by the real scheduler on a simulated clock.

Ticks take what they were measured to take on this machine; see ``costs.py``. ``--docs`` writes the
page and the picture.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.report import machine, options
from benchmarks.simulate.balancer import BALANCERS
from benchmarks.simulate.costs import Costs, measure
from benchmarks.simulate.fleet import Point, drawn, run
from benchmarks.simulate.page import line, page, plot

COMMAND = "python -m benchmarks.simulate --docs docs/benchmarks"
LEAST, EACH = 12_000, 48
"""Requests of a point: at least so many, and so many per replica."""

REPLICAS, LOADS, COMPARED = (1, 10, 100, 1000), (0.5, 0.8, 0.95, 1.2), 0.8


def main() -> None:
    """Run the benchmark."""
    chosen = _options()
    costs = Costs.parse(chosen.costs) if chosen.costs else measure(
        chosen.model, chosen.rows, chosen.quick
    )  # fmt: skip
    print(f"{costs.model}: {1 / costs.row_s:.1f} rows/s in full ticks of {costs.rows}", flush=True)
    if chosen.save_costs:
        costs.save(chosen.save_costs)
    points = []
    for replicas in chosen.replicas:
        for load in chosen.loads:
            names = list(BALANCERS) if load == COMPARED and replicas > 1 else ["least outstanding"]
            for balancer in names:
                points.append(_point(costs, replicas, load, balancer, chosen.quick))
                print(line(points[-1]), flush=True)
    pairs = _held_against(costs, chosen)
    if chosen.json:
        record = {
            "benchmark": "simulate",
            "machine": machine(),
            "tick_s": costs.tick_s,
            "adaptive": costs.adaptive,
            "points": [point.record() for point in points],
        }
        chosen.json.write_text(json.dumps(record, indent=2) + "\n")
    if chosen.docs:
        text = page(costs, points, pairs, machine(), COMMAND)
        (chosen.docs / "simulate.md").write_text(text)
        plot(points, chosen.docs / "simulate.png")


def _options() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--model", default="fashion")
    parser.add_argument("--rows", type=int, default=8, help="rows of a tick at most")
    parser.add_argument("--replicas", type=int, nargs="+", default=list(REPLICAS))
    parser.add_argument("--loads", type=float, nargs="+", default=list(LOADS))
    parser.add_argument("--costs", type=Path, help="measured before, with --save-costs")
    parser.add_argument("--save-costs", type=Path)
    parser.add_argument("--measured", type=Path, default=Path("docs/benchmarks/serving-bulk.json"))
    parser.add_argument("--docs", type=Path, metavar="FOLDER")
    return parser.parse_args()


def _point(costs: Costs, replicas: int, load: float, balancer: str, quick: bool) -> Point:
    least, each = (400, 8) if quick else (LEAST, EACH)
    return run(costs, drawn(1, max(least, each * replicas)), replicas, load, balancer)


def _held_against(costs: Costs, chosen: argparse.Namespace) -> list[tuple[Point, dict[str, Any]]]:
    """One replica at the speed and the loads of a run of ``benchmarks.serving``."""
    if not chosen.measured.exists():
        return []
    record = json.loads(chosen.measured.read_text())
    ours = [point for point in record["points"] if point["server"] == "sureflow"]
    scaled = costs.scaled(record["row_s"])
    return [(_point(scaled, 1, each["load"], "random", chosen.quick), each) for each in ours]


if __name__ == "__main__":
    main()
