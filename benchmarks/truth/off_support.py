"""Samples between the modes of ``ring``: which score removes them?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as Folder
from typing import Any

import torch
from torch import Tensor

from benchmarks.report import Report
from benchmarks.truth import scores
from benchmarks.truth.measures import auroc, removed
from benchmarks.truth.path import Path, divergence, exact_trace, solve, starts
from sureflow.checkpoint import load
from sureflow.networks import GaussianMixture, VelocityNetwork
from sureflow.training.config import read_config
from sureflow.training.run import train

CONFIG = Folder(__file__).parents[2] / "models" / "configs" / "ring.toml"
SEEDS = (1, 2, 3, 4)
"""Of the networks that with the shipped one, whose seed is 0, make the ensemble."""
KEPT, OUTSIDE, REAL = 0.96, 0.001, 1_000_000
WINDOWS = (0.0, 0.5, 0.7, 0.75, 0.8, 0.85)
"""Starts of the windows over which the trajectory score and the ensemble are taken."""
TITLE = "ring"


def measure(report: Report, quick: bool, cache: Folder) -> None:
    """Add the figures of every score to a report.

    Args:
        report: Where to.
        quick: Fewer samples, and no ensemble.
        cache: Folder of the ensemble's networks; those missing are trained.
    """
    learned, exact = load("ring").network, load("ring-exact").network
    assert isinstance(exact, GaussianMixture)
    path = solve(learned, starts(learned, 7, 5000 if quick else 50_000))
    bad = off_support(path.end, exact)
    report.add(f"{TITLE}: samples", len(bad))
    report.add(f"{TITLE}: off support", int(bad.sum()))
    members = [] if quick else ensemble(cache)
    for name, score in candidates(path, learned, exact, members).items():
        report.add(f"{TITLE}, {name}: AUROC", auroc(score, bad))
        report.add(f"{TITLE}, {name}: removed at 96 % kept", 100 * removed(score, bad, KEPT), "%")


def off_support(samples: Tensor, exact: GaussianMixture, real: int = REAL) -> Tensor:
    """Whether the true log-density of a sample is below the 0.1 % quantile of real draws."""
    drawn = exact.draw(real, torch.Generator().manual_seed(99))
    least = torch.quantile(_log_density(exact, drawn), OUTSIDE)
    return _log_density(exact, samples.double()) < least


def _log_density(exact: GaussianMixture, x: Tensor) -> Tensor:
    return exact.log_density(x, torch.ones(len(x), dtype=x.dtype))


def candidates(
    path: Path,
    learned: VelocityNetwork,
    exact: GaussianMixture,
    members: list[VelocityNetwork],
) -> dict[str, Tensor]:
    """All scores by name: one-pass, by differentiation, of an ensemble, and controls."""
    trace = exact_trace(exact, path)
    found = {
        "plain integral": scores.plain(path),
        "late half": scores.plain(path, 0.5),
        "last quarter": scores.plain(path, 0.75),
        "z-scored per t": scores.standardised(path),
        "z-scored, late half": scores.standardised(path, 0.5),
        "likelihood, propagated variance": scores.surprise(path),
        "path_residual": scores.path_residual(path),
        "straightness": scores.straightness(path),
        **{f"trajectory, t >= {t}": scores.trajectory(path, t) for t in WINDOWS},
        "likelihood, exact divergence": scores.flow_surprise(
            path, divergence(learned, path, len(path.end))
        ),
        "control: exact variance, plain": path.integral(trace),
        "control: exact variance, late half": path.integral(trace, 0.5),
        "control: exact variance, likelihood": scores.surprise(path, trace),
        "control: rarity of the noise": -scores.noise(path),
    }
    if members:
        spread = scores.ensemble_spread(members, path)
        found |= {
            "ensemble of 5, end points": scores.ensemble_end(members, path),
            **{f"ensemble of 5, velocities, t >= {t}": path.integral(spread, t) for t in WINDOWS},
        }
    return found


def ensemble(cache: Folder) -> list[VelocityNetwork]:
    """Networks trained like the shipped one but for the seed; minutes each, unless cached."""
    return [_member(cache, seed) for seed in SEEDS]


def _member(cache: Folder, seed: int) -> VelocityNetwork:
    folder = cache / f"ring-{seed}"
    if not folder.is_dir():
        config = read_config(CONFIG)
        assert config.training is not None
        training = config.training.model_copy(update={"seed": seed})
        named = config.model_copy(update={"name": folder.name, "training": training})
        train(named, folder, cache / "unfinished")
    network: VelocityNetwork = load(folder).network
    return network


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    names = [
        label.removeprefix(f"{TITLE}, ").removesuffix(": AUROC")
        for label in figures
        if label.startswith(f"{TITLE}, ") and label.endswith(": AUROC")
    ]
    count, bad = figures[f"{TITLE}: samples"], figures[f"{TITLE}: off support"]
    lines = [
        "## Off-support samples of `ring`\n",
        f"{count:,} samples of the shipped `ring`, Heun 20; {bad:,} of them lie where the true "
        "log-density is below the 0.1 % quantile of real draws. Removed: share of these above the "
        "threshold that keeps 96 % of the others. The trajectory score is given for several "
        "windows, as its window is free. Controls are no scores: they see the truth, or the noise "
        "alone.\n",
        "| score | AUROC | removed |",
        "|---|---|---|",
    ]
    for name in names:
        title = f"{TITLE}, {name}: "
        area, share = figures[f"{title}AUROC"], figures[f"{title}removed at 96 % kept"]
        lines.append(f"| {name} | {area:.4f} | {share:.1f} % |")
    return "\n".join(lines) + "\n"
