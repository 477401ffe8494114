"""Network evaluations per sample that solvers need to reach a given end-point error.

Every solver gets the same network and the same starts; the truth is a fine solve of that same
network. Errors are rms over components and samples, in data units. A solver's evaluations at an
error level are read off its own curve over step counts or tolerances.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import product
from pathlib import Path

from benchmarks.numerics.point import Point, at_level
from benchmarks.numerics.problem import Problem, fashion, ring
from benchmarks.numerics.suite import BUILDS, LEVELS, Suite, suite
from benchmarks.peers import PEERS
from benchmarks.report import Report, options

RECORD = "numerics.json"
PAIRS = (("torchdiffeq dopri5", 0.6), ("heun, uniform grid", 0.75))
"""Whom adaptive steps are held against, and the share of evaluations that they are allowed."""

ADAPTIVE = ("ab2, adaptive", "bosh3, adaptive")


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--model", choices=("ring", "fashion", "both"), default="both")
    parser.add_argument("--samples", type=int, help="samples per solver and setting")
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FOLDER",
        help="write page and plots here; keeps other models' figures",
    )
    arguments = parser.parse_args()
    report = Report("numerics")
    curves = earlier(report, arguments.docs)
    for name, build in (("ring", ring), ("fashion", fashion)):
        if arguments.model in (name, "both"):
            plan = suite(name, arguments.quick)
            problem = build(arguments.samples or plan.samples)
            report.add(f"{name}: samples", len(problem.labels))
            curves[name] = measured(problem, plan)
            compare(name, curves[name], report)
            compare_grids(name, curves[name], report)
            if arguments.docs:
                write_docs(curves, report, arguments.docs)
    report.write(arguments.json)


def earlier(report: Report, folder: Path | None) -> dict[str, dict[str, list[Point]]]:
    """The curves that a page was made of, with their figures; none where there is no page."""
    if folder is None or not (folder / RECORD).exists():
        return {}
    record = json.loads((folder / RECORD).read_text())
    report.figures.update(record["figures"])
    return {
        name: {solver: [Point(**point) for point in points] for solver, points in solvers.items()}
        for name, solvers in record["curves"].items()
    }


def measured(problem: Problem, plan: Suite) -> dict[str, list[Point]]:
    """Every solver's curve."""
    curves: dict[str, list[Point]] = {}

    def add(solver: str, point: Point) -> None:
        curves.setdefault(solver, []).append(point)
        print(
            f"  {solver:<24}{point.mean:7.2f} evaluations, rms {point.rms:.4f}, "
            f"wrong mode {point.wrong:.2%}",
            flush=True,
        )

    for method, counts in plan.uniform.items():
        for steps in counts:
            add(f"{method}, uniform grid", problem.ours(method=method, steps=steps))
    for method, counts in plan.fitted.items():
        for steps in counts:
            point = problem.ours(method=method, steps=steps, grid="fitted")
            add(f"{method}, fitted grid", point)
    for method, tolerances in plan.adaptive.items():
        for tolerance in tolerances:
            add(f"{method}, adaptive", problem.ours(method=method, tolerance=tolerance))
    for peer in PEERS:
        for tolerance in plan.peers.get(peer, ()):
            add(peer, problem.theirs(peer, tolerance))
    return curves


def compare(name: str, curves: dict[str, list[Point]], report: Report) -> None:
    """What every solver needs for each error level, and adaptive steps against the others."""
    for level in LEVELS[name]:
        needed = {solver: at_level(points, level) for solver, points in curves.items()}
        for solver, point in needed.items():
            title = f"{name}, rms {level:g}: {solver}"
            if point is None:
                report.add(title, "not reached")
                continue
            report.add(title, point.mean, "evaluations (mean)")
            report.add(f"{title}, median", point.median)
            report.add(f"{title}, 99th percentile", point.tail)
            report.add(f"{title}, wrong mode", 100 * point.wrong, "%")
        for solver, (other, allowed) in product(ADAPTIVE, PAIRS):
            mine, its = needed.get(solver), needed.get(other)
            if mine and its:
                title = f"{name}, rms {level:g}: {solver} / {other}"
                report.add(title, mine.mean / its.mean, f"at most {allowed}")
                more = f"{100 * (mine.wrong - its.wrong):+.3f} points"
                report.add(f"{title}, wrong modes", more, "standard errors on the page")
                safe = at_level(curves[solver], level, its.wrong)
                share = safe.mean / its.mean if safe else "not reached"
                report.add(f"{title}, no more wrong modes", share, f"at most {allowed}")


def compare_grids(name: str, curves: dict[str, list[Point]], report: Report) -> None:
    """The fitted grid against the uniform one at equal evaluations."""
    for method in BUILDS:
        uniform = {point.mean: point for point in curves.get(f"{method}, uniform grid", ())}
        for fitted in curves.get(f"{method}, fitted grid", ()):
            other = uniform[fitted.mean]
            title = f"{name}, {method}, {fitted.mean:g} evaluations: fitted / uniform"
            report.add(title, fitted.rms / other.rms, f"rms {fitted.rms:.4f} / {other.rms:.4f}")
            report.add(f"{title}, wrong mode", f"{fitted.wrong:.2%} / {other.wrong:.2%}")


def write_docs(curves: dict[str, dict[str, list[Point]]], report: Report, folder: Path) -> None:
    """Write page, plots and JSON."""
    from benchmarks.numerics.figure import draw
    from benchmarks.numerics.page import page

    folder.mkdir(parents=True, exist_ok=True)
    draw(curves, folder)
    (folder / "numerics.md").write_text(page(curves, report))
    report.write(folder / RECORD)
    record = json.loads((folder / RECORD).read_text())
    record["curves"] = {
        name: {solver: [asdict(point) for point in points] for solver, points in solvers.items()}
        for name, solvers in curves.items()
    }
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
