"""The page with the figures of a run."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from benchmarks.numerics.point import Point
from benchmarks.numerics.suite import ADAPTIVE, BUILDS, LEVELS, PAIRS
from benchmarks.report import Report, machine

HEAD = """# Numerics: evaluations against end-point error

Written by `python -m benchmarks.numerics --docs docs/benchmarks`. Every solver gets the same
network and the same starts; the truth is a fine solve (classical Runge-Kutta) of that same network.
Errors are root mean squares over components and samples, in data units; for `ring` a wrong mode is
another nearest mean, for `fashion` another class in the eyes of the judge. Solvers of other
libraries have one step size for a batch, of 256 on `ring` and 32 on `fashion`, or are evaluated
until the slowest sample of it is done.

What a solver needs for an rms error is read off lines: least squares through the logarithms of rms
and of wrong modes over that of the evaluations, with all its settings whose rms is within a factor
2.5 of the level, at least three and on both sides of it; else the level is "not reached". Single
settings will not do, since rms and wrong modes come from rare samples near the border between two
modes, and these fall to either side with the place of single steps. The rule is the same for every
solver. After the ± is one standard error: from the starts that happened to be drawn (bootstrap,
with the same draws for all solvers, so that ratios and differences are paired) and from the scatter
of the settings about the line.

![Error against evaluations](numerics-error.png)

![Wrong modes against evaluations](numerics-modes.png)
"""

FIGURES = (
    "standard error",
    "median",
    "99th percentile",
    "median error",
    "99th percentile error",
    "wrong mode",
    "wrong mode, standard error",
)
RATIOS = (
    "",
    ", standard error",
    ", more wrong modes",
    ", more wrong modes, standard error",
    ", no more wrong modes",
)

Curves = dict[str, dict[str, list[Point]]]


def page(curves: Curves, report: Report) -> str:
    """Markdown: what every solver needs at two error levels, the grids, and the ratios."""
    parts = [HEAD]
    for name, solvers in curves.items():
        parts.append(f"## {name}, {report.figures[f'{name}: samples']:,} samples\n")
        parts += [_levels(name, solvers, level, report) for level in LEVELS[name]]
        parts.append(_grids(solvers))
        parts.append(_ratios(name, report))
    about = machine()
    parts.append(f"Machine: {about['processor']}, torch {about['torch']}, one thread.")
    return "\n".join(parts) + "\n"


def _levels(name: str, solvers: Iterable[str], level: float, report: Report) -> str:
    rows = []
    for solver in solvers:
        title = f"{name}, rms {level:g}: {solver}"
        value = report.figures[title]
        if isinstance(value, str):
            rows.append([solver, value, "", "", "", "", ""])
            continue
        of = {label: report.figures[f"{title}, {label}"] for label in FIGURES}
        rows.append(
            [
                solver,
                f"{value:.1f} ± {of['standard error']:.1f}",
                *(f"{of[label]:.1f}" for label in ("median", "99th percentile")),
                *(f"{of[label]:.4f}" for label in ("median error", "99th percentile error")),
                f"{of['wrong mode']:.3f} ± {of['wrong mode, standard error']:.3f}%",
            ]
        )
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
    rows = []
    for level, solver, other in product(LEVELS[name], ADAPTIVE, PAIRS):
        title = f"{name}, rms {level:g}: {solver} / {other}"
        if title in report.figures:
            share, error, more, its_error, safe = (
                report.figures[f"{title}{end}"] for end in RATIOS
            )
            rows.append(
                [
                    f"{level:g}",
                    solver,
                    other,
                    f"{share:.2f} ± {error:.2f}",
                    f"{more:+.3f} ± {its_error:.3f}",
                    f"{safe:.2f}",
                ]
            )
    note = (
        "Share of another solver's evaluations at equal rms error, and what the share of wrong "
        "modes is more there, in percentage points; the last column is the share of evaluations at "
        "which it is no more.\n\n"
    )
    head = ["rms", "solver", "other", "evaluations", "more wrong modes", "with no more of them"]
    return note + _table(head, rows)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
