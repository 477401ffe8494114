"""The page with the figures of a run."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.numerics.point import Point, at_level
from benchmarks.numerics.suite import BUILDS, LEVELS
from benchmarks.report import Report, machine

HEAD = """# Numerics: evaluations against end-point error

Written by `python -m benchmarks.numerics --docs docs/benchmarks`. Every solver gets the same
network and the same starts; the truth is a fine solve (classical Runge-Kutta) of that same network.
Errors are root mean squares over components and samples, in data units; for `ring` a wrong mode is
another nearest mean, for `fashion` another class in the eyes of the judge. Solvers of other
libraries have one step size for a batch, of 256 on `ring` and 32 on `fashion`, or are evaluated
until the slowest sample of it is done. Shares of wrong modes are given with one standard error.

![Error against evaluations](numerics-error.png)

![Wrong modes against evaluations](numerics-modes.png)
"""

Curves = dict[str, dict[str, list[Point]]]


def page(curves: Curves, report: Report) -> str:
    """Markdown: what every solver needs at two error levels, the grids, and the ratios."""
    parts = [HEAD]
    for name, solvers in curves.items():
        parts.append(f"## {name}, {report.figures[f'{name}: samples']:,} samples\n")
        count = report.figures[f"{name}: samples"]
        parts += [_levels(solvers, level, count) for level in LEVELS[name]]
        parts.append(_grids(solvers))
        parts.append(_ratios(name, report))
    about = machine()
    parts.append(f"Machine: {about['processor']}, torch {about['torch']}, one thread.")
    return "\n".join(parts) + "\n"


def _levels(solvers: dict[str, list[Point]], level: float, count: int) -> str:
    rows = []
    for solver, points in solvers.items():
        point = at_level(points, level)
        if point is None:
            rows.append([solver, "not reached", "", "", "", "", ""])
            continue
        cost = [f"{value:.1f}" for value in (point.mean, point.median, point.tail)]
        errors = [f"{value:.4f}" for value in (point.middle, point.worst)]
        spread = (point.wrong * (1 - point.wrong) / count) ** 0.5
        rows.append([solver, *cost, *errors, f"{100 * point.wrong:.3f} ± {spread:.3%}"])
    head = ["solver", "mean", "median", "99th percentile", "median error", "99th percentile error"]
    return f"At rms {level:g}, evaluations per sample:\n\n" + _table([*head, "wrong mode"], rows)


def _grids(solvers: dict[str, list[Point]]) -> str:
    rows = []
    for method in BUILDS:
        uniform = {p.mean: p for p in solvers.get(f"{method}, uniform grid", ())}
        for fitted in solvers.get(f"{method}, fitted grid", ()):
            other = uniform[fitted.mean]
            rows.append(
                [
                    method,
                    f"{fitted.mean:g}",
                    f"{other.rms:.4f}",
                    f"{fitted.rms:.4f}",
                    f"{fitted.rms / other.rms:.2f}",
                    f"{other.middle:.4f}",
                    f"{fitted.middle:.4f}",
                    f"{other.wrong:.2%}",
                    f"{fitted.wrong:.2%}",
                ]
            )
    head = ["method", "evaluations", "rms, uniform", "rms, fitted", "ratio"]
    head += ["median, uniform", "median, fitted", "wrong, uniform", "wrong, fitted"]
    return "The fitted grid against the uniform one:\n\n" + _table(head, rows)


def _ratios(name: str, report: Report) -> str:
    rows = [
        [label.removeprefix(f"{name}, "), value if isinstance(value, str) else f"{value:.2f}"]
        for label, value in report.figures.items()
        if label.startswith(f"{name}, rms") and ", adaptive /" in label
    ]
    note = (
        "Share of another solver's evaluations; `no more wrong modes` is the setting from there on "
        "at which the share of wrong modes is no larger either.\n\n"
    )
    return note + _table(["comparison", "ratio"], rows)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
