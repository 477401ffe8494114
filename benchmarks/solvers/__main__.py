"""Solvers by their error and their samples: ``python -m benchmarks.solvers``.

Part ``diffusion`` measures a diffusion model of digits that it trains in a quarter of an hour,
``flow`` the embedded models ``ring`` and ``digits``. An error is the rms distance per component to
a fine solution from the same noise, in data units; judge-FD is a Fréchet distance to real digits
in the activations of a reader of digits. All figures are means over seeds, with the half width of
a 90 % interval (Student's t).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.report import Report, options, run_parts
from benchmarks.solvers import page
from benchmarks.solvers.candidates import CANDIDATES
from benchmarks.solvers.measure import FINE, Case, JudgeDistance, rms, steps_of
from benchmarks.solvers.training import TRAINED
from benchmarks.solvers.training import model as diffusion_model
from sureflow.checkpoint import load
from sureflow.training.arrays import scaled
from sureflow.training.digits import digits

SEEDS = (0, 1, 2)
BUDGETS = (10, 20)
SERVED = ("euler", "heun", "midpoint", "ab2", "dpmpp_2m", "unipc")
NOISY = {"euler, eta 1": ("euler", 1.0), "dpmpp_2m, eta 0.5": ("dpmpp_2m", 0.5)}
NOISY |= {"dpmpp_2m, eta 1": ("dpmpp_2m", 1.0)}
GRIDS = ("native", "uniform", "logsnr", "karras")
ADAPTIVE = {"heun": 0.1, "ab2": 0.05, "dpmpp_2m": 0.05, "unipc": 0.05}
"""Methods with tolerances at which they come to about ten to twenty evaluations."""

MATCH = "dpmpp_2m", "unipc"


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    work = Path(gettempdir()) / "solvers"
    parser.add_argument("--work", type=Path, default=work, help="keeps what is trained")
    parser.add_argument("--samples", type=int, default=200, help="of a seed")
    run_parts("solvers", parser, {"diffusion": diffusion, "flow": flow}, page.write)


def diffusion(report: Report, chosen: argparse.Namespace) -> None:
    """Everything, on the diffusion model."""
    images, _ = digits()
    judge = JudgeDistance(scaled(images[TRAINED:]))
    model, count = diffusion_model(chosen.work), 20 if chosen.quick else chosen.samples
    rows: dict[str, dict[str, list[float]]] = {}
    for seed in SEEDS:
        case = Case(model, seed, count)
        exact, _ = case.served(**FINE)
        note(rows, "fine", judge, case, exact, exact)
        for budget in BUDGETS:
            for method in SERVED:
                made, _ = case.served(method=method, steps=steps_of(method, budget))
                note(rows, f"{method} at {budget}", judge, case, made, exact)
            for name in CANDIDATES:
                made = case.candidate(name, budget)
                note(rows, f"{name} at {budget}", judge, case, made, exact)
            for name, (method, eta) in NOISY.items():
                made, _ = case.served(method=method, steps=budget, eta=eta)
                note(rows, f"{name} at {budget}", judge, case, made, exact)
        for grid in GRIDS[1:]:
            for method, budget in (("heun", 20), *((method, 10) for method in MATCH)):
                steps = steps_of(method, budget)
                made, _ = case.served(method=method, steps=steps, grid=grid)
                note(rows, f"{method}, {grid}, at {budget}", judge, case, made, exact)
    tell(report, "diffusion", rows)
    for method in MATCH:
        for figure in ("error", "fd"):
            ratio = [
                rows[f"{method} at 10"][figure][n] / rows["heun at 20"][figure][n]
                for n in range(len(SEEDS))
            ]
            tell(report, "diffusion", {f"{method} at 10 over heun at 20": {figure: ratio}})


def flow(report: Report, chosen: argparse.Namespace) -> None:
    """The served ones without noise, on flows; also with tolerances."""
    for name, count in (("ring", 2000), ("digits", 30)):
        model, rows = load(name), {}
        for seed in SEEDS:
            case = Case(model, seed, 20 if chosen.quick else count)
            exact, _ = case.served(**FINE)
            for budget in BUDGETS:
                for method in SERVED:
                    made, _ = case.served(method=method, steps=steps_of(method, budget))
                    found = rows.setdefault(f"{method} at {budget}", {"error": []})
                    found["error"].append(rms(made, exact))
            for method, tolerance in ADAPTIVE.items():
                made, spent = case.served(method=method, tolerance=tolerance)
                label = f"{method}, tolerance {tolerance:g}"
                found = rows.setdefault(label, {"error": [], "evaluations": []})
                found["error"].append(rms(made, exact))
                found["evaluations"].append(spent)
        tell(report, name, rows)


def note(
    rows: dict[str, dict[str, list[float]]],
    label: str,
    judge: JudgeDistance,
    case: Case,
    made: Any,
    exact: Any,
) -> None:
    """Keep the figures of one seed."""
    found = rows.setdefault(label, {"error": [], "fd": [], "misread": []})
    found["error"].append(rms(made, exact))
    found["fd"].append(judge(made))
    found["misread"].append(100 * judge.misread(made, case.labels))


def tell(report: Report, model: str, rows: Mapping[str, Mapping[str, list[float]]]) -> None:
    """Add means over seeds, and their intervals."""
    for label, figures in rows.items():
        for figure, values in figures.items():
            width = stats.t.ppf(0.95, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
            report.add(f"{model}: {label}: {figure}", float(np.mean(values)))
            report.add(f"{model}: {label}: {figure} +-", float(width))


if __name__ == "__main__":
    main()
