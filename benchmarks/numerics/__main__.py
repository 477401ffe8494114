"""Network evaluations per sample that solvers need to reach a given end-point error.

Every solver gets the same network and the same starts; the truth is a fine solve of that same
network. Errors are rms over components and samples, in data units. A solver's evaluations at an
error level are read off a line through its settings near that level.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.numerics.point import Point, Tally
from benchmarks.numerics.problem import Problem, fashion, ring
from benchmarks.numerics.reading import Reading, bootstrap, read
from benchmarks.numerics.suite import ADAPTIVE, BUILDS, LEVELS, PAIRS, Suite, suite
from benchmarks.peers import PEERS
from benchmarks.report import Report, options

RECORD = "numerics.json"
Measured = dict[str, dict[str, list[Point]]]
"""Points by model and solver."""


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
            tallies = measured(problem, plan)
            curves[name] = {
                solver: [tally.point() for tally in settings]
                for solver, settings in tallies.items()
            }
            compare(name, tallies, report)
            compare_grids(name, curves[name], report)
            if arguments.docs:
                write_docs(curves, report, arguments.docs)
    report.write(arguments.json)


def earlier(report: Report, folder: Path | None) -> Measured:
    """The curves that a page was made of, with their figures; none where there is no page."""
    if folder is None or not (folder / RECORD).exists():
        return {}
    record = json.loads((folder / RECORD).read_text())
    report.figures.update(record["figures"])
    return {
        name: {solver: [Point(**point) for point in points] for solver, points in solvers.items()}
        for name, solvers in record["curves"].items()
    }


def measured(problem: Problem, plan: Suite) -> dict[str, list[Tally]]:
    """Every solver at all its settings."""
    tallies: dict[str, list[Tally]] = {}

    def add(solver: str, tally: Tally) -> None:
        tallies.setdefault(solver, []).append(tally)
        point = tally.point()
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
            tally = problem.ours(method=method, steps=steps, grid="fitted")
            add(f"{method}, fitted grid", tally)
    for method, tolerances in plan.adaptive.items():
        for tolerance in tolerances:
            add(f"{method}, adaptive", problem.ours(method=method, tolerance=tolerance))
    for peer in PEERS:
        for tolerance in plan.peers.get(peer, ()):
            add(peer, problem.theirs(peer, tolerance, plan.peer_samples))
    return tallies


def compare(name: str, tallies: dict[str, list[Tally]], report: Report) -> None:
    """What every solver needs for each error level, and adaptive steps against the others."""
    for outdated in [label for label in report.figures if label.startswith(f"{name}, rms")]:
        del report.figures[outdated]
    draws = bootstrap(report.figures[f"{name}: samples"])
    for level in LEVELS[name]:
        needed = {solver: read(settings, level, draws) for solver, settings in tallies.items()}
        for solver, reading in needed.items():
            describe(f"{name}, rms {level:g}: {solver}", reading, report)
        for solver in ADAPTIVE:
            for other, allowed in PAIRS.items():
                mine, its = needed.get(solver), needed.get(other)
                if mine and its:
                    title = f"{name}, rms {level:g}: {solver} / {other}"
                    share, error = mine.over(its)
                    report.add(title, share, f"± {error:.2f}, at most {allowed}")
                    report.add(f"{title}, standard error", error)
                    more, error = mine.more_wrong(its)
                    report.add(f"{title}, more wrong modes", 100 * more, f"± {100 * error:.3f} %")
                    report.add(f"{title}, more wrong modes, standard error", 100 * error)
                    report.add(f"{title}, no more wrong modes", mine.safely_over(its))


def describe(title: str, reading: Reading | None, report: Report) -> None:
    """The figures of one solver at one level."""
    if reading is None:
        report.add(title, "not reached")
        return
    report.add(title, reading.mean, f"± {reading.mean_error:.2f} evaluations (mean)")
    report.add(f"{title}, standard error", reading.mean_error)
    report.add(f"{title}, median", reading.median)
    report.add(f"{title}, 99th percentile", reading.tail)
    report.add(f"{title}, median error", reading.middle)
    report.add(f"{title}, 99th percentile error", reading.worst)
    report.add(f"{title}, wrong mode", 100 * reading.wrong, f"± {100 * reading.wrong_error:.3f} %")
    report.add(f"{title}, wrong mode, standard error", 100 * reading.wrong_error)


def compare_grids(name: str, curves: dict[str, list[Point]], report: Report) -> None:
    """The fitted grid against the uniform one at equal evaluations."""
    for method in BUILDS:
        uniform = {point.mean: point for point in curves.get(f"{method}, uniform grid", ())}
        for fitted in curves.get(f"{method}, fitted grid", ()):
            other = uniform[fitted.mean]
            title = f"{name}, {method}, {fitted.mean:g} evaluations: fitted / uniform"
            report.add(title, fitted.rms / other.rms, f"rms {fitted.rms:.4f} / {other.rms:.4f}")
            report.add(f"{title}, wrong mode", f"{fitted.wrong:.2%} / {other.wrong:.2%}")


def write_docs(curves: Measured, report: Report, folder: Path) -> None:
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
