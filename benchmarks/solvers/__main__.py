"""Solvers by their error and their samples: ``python -m benchmarks.solvers``.

Part ``diffusion`` measures a diffusion model of digits that it trains in a quarter of an hour,
``flow`` the embedded models ``ring`` and ``digits``. An error is the rms distance per component to
a fine solution from the same noise, in data units; judge-FD is a Fréchet distance to real digits
in the activations of a reader of digits. All figures are means over seeds, with the half width of
a 90 % interval (Student's t).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from scipy import stats
from torch import Tensor

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
GRIDS = ("uniform", "karras")
ADAPTIVE = {"heun": 0.1, "ab2": 0.05, "dpmpp_2m": 0.05, "unipc": 0.05}
"""Methods with tolerances at which they come to about ten to twenty evaluations."""

MATCH = "dpmpp_2m", "unipc"
LONGER = "dpmpp_2m, eta 1", "sa-solver, noise scale 1", "er-sde of order 2", "restart, 0.5 to 2"
"""Solvers with noise that are measured at 20 evaluations as well."""

Rows = dict[str, dict[str, list[float]]]


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    work = Path(gettempdir()) / "solvers"
    parser.add_argument("--work", type=Path, default=work, help="keeps what is trained")
    parser.add_argument("--samples", type=int, default=128, help="of a seed")
    run_parts("solvers", parser, {"diffusion": diffusion, "flow": flow}, page.write)


def diffusion(report: Report, chosen: argparse.Namespace) -> None:
    """Everything, on the diffusion model."""
    images, _ = digits()
    judge = JudgeDistance(scaled(images[TRAINED:]))
    model, count = diffusion_model(chosen.work), 20 if chosen.quick else chosen.samples
    rows: Rows = {}
    for seed in SEEDS:
        case = Case(model, seed, count)
        for part, measure in (("figures", _of_seed), ("noisy", _with_noise)):
            kept = chosen.work / f"{part}-{seed}-{count}.json"
            if not kept.exists():
                kept.write_text(json.dumps(measure(case, judge)))
            for label, figures in json.loads(kept.read_text()).items():
                for figure, value in figures.items():
                    rows.setdefault(label, {}).setdefault(figure, []).append(value)
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
    for name, count in (("ring", 2000), ("digits", 16)):
        model = load(name)
        rows: Rows = {}
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


def _of_seed(case: Case, judge: JudgeDistance) -> dict[str, dict[str, float]]:
    """The figures of one seed."""
    exact, _ = case.served(**FINE)
    found: dict[str, dict[str, float]] = {}

    def note(label: str, made: Tensor) -> None:
        misread = 100 * judge.misread(made, case.labels)
        found[label] = {"error": rms(made, exact), "fd": judge(made), "misread": misread}

    note("fine", exact)
    for budget in BUDGETS:
        for method in SERVED:
            note(
                f"{method} at {budget}",
                case.served(method=method, steps=steps_of(method, budget))[0],
            )
    for name in CANDIDATES:
        note(f"{name} at 10", case.candidate(name, 10))
    for name, (method, eta) in NOISY.items():
        note(f"{name} at 10", case.served(method=method, steps=10, eta=eta)[0])
    for grid in GRIDS:
        for method, budget in (("heun", 20), *((method, 10) for method in MATCH)):
            steps = steps_of(method, budget)
            made, _ = case.served(method=method, steps=steps, grid=grid)
            note(f"{method}, {grid}, at {budget}", made)
    return found


def _with_noise(case: Case, judge: JudgeDistance) -> dict[str, dict[str, float]]:
    """The figures of one seed with noise between twenty evaluations."""
    found = {}
    for name in LONGER:
        if name in NOISY:
            method, eta = NOISY[name]
            made, _ = case.served(method=method, steps=20, eta=eta)
        else:
            made = case.candidate(name, 20)
        misread = 100 * judge.misread(made, case.labels)
        found[f"{name} at 20"] = {"fd": judge(made), "misread": misread}
    return found


def tell(report: Report, model: str, rows: Mapping[str, Mapping[str, list[float]]]) -> None:
    """Add means over seeds, and their intervals."""
    for label, figures in rows.items():
        for figure, values in figures.items():
            width = stats.t.ppf(0.95, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
            report.add(f"{model}: {label}: {figure}", float(np.mean(values)))
            report.add(f"{model}: {label}: {figure} +-", float(width))


if __name__ == "__main__":
    main()
