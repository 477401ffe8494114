"""Parallel tempering, annealing and transport against exact draws, at equal evaluations; a peer.

``python -m benchmarks.annealed --part modes`` and so on; ``--docs docs/benchmarks`` writes the
page. The part ``peer`` asks another Python, which has blackjax, JAX and safetensors: ``--peer
PYTHON``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.stats import t as student

from benchmarks.annealed.page import write
from benchmarks.annealed.weighted import Weighted, apart, drawn
from benchmarks.report import Report, options, run_parts
from sureflow.checkpoint import load
from sureflow.families.annealed.targets.funnel import Funnel
from sureflow.families.annealed.targets.mixture import Mixture
from sureflow.folders import embedded_folder

BUDGETS = (800,)
"""Evaluations of the density for one sample."""

METHODS = ("ais", "pt", "cds", "mala")
SEEDS, SAMPLES = 3, 100
RUNS, OF_A_RUN, COVERED = 200, 16, 0.9
"""Runs whose intervals are counted, samples of each, and the share that should hold the truth."""

PEER = {"chains": 4, "draws": 1000, "warmup": 500}


def _spread(values: list[float]) -> tuple[float, float]:
    """Mean, and half of a 95 % interval of it by the spread over seeds."""
    found = np.array(values)
    return float(found.mean()), float(4.303 * found.std(ddof=1) / len(found) ** 0.5)


def _each(report: Report, name: str, values: list[float], unit: str = "") -> None:
    mean, half = _spread(values) if len(values) == SEEDS else (float(np.mean(values)), float("nan"))
    report.add(name, mean, unit)
    report.add(f"{name}, +-", half, unit)


def modes(report: Report, chosen: argparse.Namespace) -> None:
    """Total variation of the weights of 40 modes, and the constant, whose log is 0."""
    model = load("mixture-40")
    mixture = cast(Mixture, model.network.energy)
    means, seeds = mixture.means.numpy(), range(1 if chosen.quick else SEEDS)
    truth = mixture.weights.numpy()
    n = 50 if chosen.quick else SAMPLES

    def shares(data: Any, weights: Any) -> Any:
        nearest = ((data[:, None] - means) ** 2).sum(-1).argmin(1)
        return np.bincount(nearest, weights, len(means))

    for budget in BUDGETS:
        for method in METHODS:
            found = [drawn(model, n, seed, method=method, budget=budget) for seed in seeds]
            name = f"modes {method} {budget}"
            _each(report, f"{name} TV", [apart(shares(f.data, f.weights), truth) for f in found])
            _each(report, f"{name} ESS", [f.summary["ess"] / n for f in found])
            if method != "mala":
                _each(report, f"{name} log Z", [f.summary["log_z"] for f in found])
            else:
                _each(report, f"{name} R-hat", [f.summary["r_hat"] for f in found])
    exact = [mixture.exact(n, torch.Generator().manual_seed(seed)).numpy() for seed in range(100)]
    floor = [apart(shares(each, np.full(n, 1 / n)), truth) for each in exact]
    report.add("modes exact TV", float(np.mean(floor)))


def funnel(report: Report, chosen: argparse.Namespace) -> None:
    """Mean and standard deviation of the neck, 0 and 3, and the share below -3 (0.159)."""
    model, seeds = load("funnel"), range(1 if chosen.quick else SEEDS)
    n = 50 if chosen.quick else SAMPLES

    def told(name: str, found: list[Weighted]) -> None:
        necks = [(f, f.data[:, 0]) for f in found]
        means = [float(f.mean(neck)) for f, neck in necks]
        squares = [float(f.mean(neck**2)) for f, neck in necks]
        _each(report, f"{name} mean", means)
        spreads = [max(s - m * m, 0.0) ** 0.5 for s, m in zip(squares, means, strict=True)]
        _each(report, f"{name} deviation", spreads)
        _each(
            report,
            f"{name} below -3",
            [float(f.mean((neck < -3).astype(float))) for f, neck in necks],
        )

    for budget in BUDGETS:
        for method in METHODS:
            found = [drawn(model, n, seed, method=method, budget=budget) for seed in seeds]
            told(f"funnel {method} {budget}", found)
            name = f"funnel {method} {budget}"
            _each(report, f"{name} ESS", [f.summary["ess"] / n for f in found])
            for key, words in (("log_z", "log Z"), ("r_hat", "R-hat")):
                if key in found[0].summary:
                    _each(report, f"{name} {words}", [f.summary[key] for f in found])
    target = cast(Funnel, model.network.energy)
    exact = [target.exact(n, torch.Generator().manual_seed(seed)).numpy() for seed in seeds]
    told("funnel exact", [Weighted(each, np.full(n, 1 / n), {}, 0) for each in exact])


def coverage(report: Report, chosen: argparse.Namespace) -> None:
    """How often intervals of 90 % hold the truth: of log Z, and of a mean by the ESS.

    The error of a mean of few samples is not known, but estimated: so Student's law has the
    quantiles, with as many degrees of freedom as there are (effective) samples, less one.
    """
    model = load("mixture-40")
    mixture = cast(Mixture, model.network.energy)
    truth = float((mixture.weights[:, None] * mixture.means).sum(0)[0])
    runs = 20 if chosen.quick else RUNS
    for method in ("ais", "pt"):
        constants = means = 0
        for seed in range(runs):
            found = drawn(model, OF_A_RUN, 10_000 + seed, method=method, budget=480)
            told, first = found.summary, found.data[:, 0]
            mean, free = float(found.mean(first)), max(told["ess"] - 1, 1.0)
            error = (float(found.mean((first - mean) ** 2)) / free) ** 0.5
            constants += abs(told["log_z"]) < _quantile(OF_A_RUN - 1) * told["log_z_error"]
            means += abs(mean - truth) < _quantile(free) * error
        report.add(f"coverage {method} log Z", constants / runs)
        report.add(f"coverage {method} mean by ESS", means / runs)


def _quantile(freedom: float) -> float:
    return float(student.ppf((1 + COVERED) / 2, freedom))


def peer(report: Report, chosen: argparse.Namespace) -> None:
    """The posterior of breast-cancer: effective samples per evaluation and per second, and NUTS."""
    model = load("breast-cancer")
    n, found = (32 if chosen.quick else 100), {}
    for method, replicas, leapfrog, budget in (
        ("ais", 8, 1, 800),
        ("pt", 4, 4, 800),
        ("mala", 2, 8, 800),
    ):
        begun = time.perf_counter()
        one = drawn(model, n, 7, method=method, replicas=replicas, leapfrog=leapfrog, budget=budget)
        seconds = time.perf_counter() - begun
        found[method] = one
        report.add(
            f"peer {method} ESS per 1000 evaluations",
            1000 * one.summary["ess"] / one.evaluations / n,
        )
        report.add(f"peer {method} ESS per second", one.summary["ess"] / seconds)
    if chosen.peer is None:
        return
    script = Path(__file__).with_name("peer.py")
    weights = embedded_folder() / "breast-cancer" / "model.safetensors"
    words = [str(PEER[name]) for name in ("chains", "draws", "warmup")]
    told = subprocess.run(
        [chosen.peer, script, weights, *words, "0"], check=True, capture_output=True, text=True
    )
    nuts = json.loads(told.stdout.splitlines()[-1])
    report.add("peer NUTS ESS per 1000 evaluations", 1000 * nuts["ess_least"] / nuts["evaluations"])
    both = nuts["evaluations"] + nuts["warmup_evaluations"]
    report.add("peer NUTS ESS per 1000 evaluations, warm-up too", 1000 * nuts["ess_least"] / both)
    report.add("peer NUTS ESS per second, warm-up too", nuts["ess_least"] / nuts["seconds"])
    mean, deviation = np.array(nuts["mean"]), np.array(nuts["deviation"])
    for method, one in found.items():
        error = deviation * (1 / one.summary["ess"] + 1 / nuts["ess_least"]) ** 0.5
        off = np.abs(one.mean(one.data) - mean) / error
        report.add(
            f"peer {method} means, largest of 31 errors", float(off.max()), "standard errors"
        )


PARTS = {"modes": modes, "funnel": funnel, "coverage": coverage, "peer": peer}

if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--peer", metavar="PYTHON", help="a Python that has blackjax")
    run_parts("annealed", parser, PARTS, write)
