"""The critic and the circuit against truth: ``python -m benchmarks.scorers``.

Part ``critic`` trains critics of ``ring`` and asks how well they find samples off the support of
the exact density (below the 0.1 % quantile of real draws), and whether any of 100,000 pairs of
points violates the certificate. Part ``circuit`` trains circuits on handwritten digits of 8 by 8
pixels that are on or off, and compares their likelihood of held-out digits with that of independent
pixels. Figures are means over three seeds, with the half width of a 90 % interval (Student's t).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
import torch
from scipy import stats

from benchmarks.foreign.digits import small
from benchmarks.report import Report, options, run_parts
from benchmarks.scorers import page
from benchmarks.truth.off_support import off_support
from sureflow.checkpoint import load
from sureflow.evaluation.auroc import auroc
from sureflow.evaluation.circuits import train_circuit
from sureflow.evaluation.criticising import train_critic
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run

SEEDS = (0, 1, 2)
TRAIN, JUDGED, PAIRS = 3000, 3000, 100_000
STEPS = 10
"""Of Heun's method: coarse enough that some samples come to lie between the modes."""

INK = -0.5
"""A pixel above this is on."""


def main() -> None:
    """Run the benchmark."""
    run_parts("scorers", options(__doc__), {"critic": critic, "circuit": circuit}, page.write)


def critic(report: Report, chosen: argparse.Namespace) -> None:
    """Off the support of the ring, by the critic and by the model's own scores."""
    model, exact = load("ring"), load("ring-exact").network
    assert isinstance(exact, GaussianMixture)
    scores = ("likelihood", "propagated", "propagated_late")
    count = 300 if chosen.quick else TRAIN
    rows: dict[str, list[float]] = {}
    for seed in SEEDS:
        lanes = [FlowSpec(seed, n, "heun", STEPS, scores=scores) for n in range(count + JUDGED)]
        made = run(model, lanes, 256)
        x = torch.from_numpy(np.stack([sample.data for sample in made]))
        real = exact.draw(count, torch.Generator().manual_seed(seed)).float()
        one = train_critic(real, x[:count], {}, seed=seed, quiet=True)
        bad = off_support(x[count:], exact).numpy()
        values = {name: [z.scores[name] for z in made[count:]] for name in scores}
        with torch.inference_mode():
            values["critic"] = one(x[count:]).tolist()
            rows.setdefault("violations", []).append(violations(one, seed))
        rows.setdefault("off the support, %", []).append(100 * float(bad.mean()))
        rows.setdefault("told from data, AUROC", []).append(one.settings["auroc"])
        for name, found in values.items():
            rows.setdefault(f"{name}: AUROC", []).append(auroc(np.array(found), bad))
            kept = np.argsort(found)[: int(0.96 * len(found))]
            removed = 100 * (1 - bad[kept].sum() / max(bad.sum(), 1))
            rows.setdefault(f"{name}: removed at 96 % kept, %", []).append(float(removed))
    tell(report, "critic", rows)


def violations(one: torch.nn.Module, seed: int) -> float:
    """Pairs of points, near ones and far ones, between which the critic is too steep."""
    drawn = torch.Generator().manual_seed(seed + 100)
    x = 2 * torch.randn(PAIRS, 2, generator=drawn)
    scale = 10 ** (4 * torch.rand(PAIRS, 1, generator=drawn) - 4)
    y = x + scale * torch.randn(PAIRS, 2, generator=drawn)
    moved = (x.double() - y.double()).norm(dim=1)
    return float(((one(x).double() - one(y).double()).abs() > moved + 1e-6).sum())


def circuit(report: Report, chosen: argparse.Namespace) -> None:
    """Likelihood of digits that are on or off."""
    images, _ = small()
    rows: dict[str, list[float]] = {}
    for seed in SEEDS:
        drawn = torch.Generator().manual_seed(seed)
        data = images[torch.randperm(len(images), generator=drawn)]
        steps = 50 if chosen.quick else 600
        one = train_circuit(data, {}, threshold=INK, steps=steps, seed=seed, quiet=True)
        for name in ("nats", "independent", "trained"):
            rows.setdefault(name, []).append(float(one.settings[name]))
        held = data[-len(data) // 10 :]
        spoilt, place = held.clone(), torch.randint(64, (len(held),), generator=drawn)
        flat = spoilt.flatten(1)
        each = torch.arange(len(flat))
        flat[each, place] = torch.where(flat[each, place] > INK, -1.0, 1.0)
        surprise = one.surprise(flat.reshape(held.shape)).flatten(1)
        found = (surprise.argmax(1) == place).double().mean()
        rows.setdefault("flipped pixel found, %", []).append(100 * float(found))
    tell(report, "circuit", rows)


def tell(report: Report, part: str, rows: Mapping[str, list[float]]) -> None:
    """Add means over seeds, and their intervals."""
    for label, values in rows.items():
        width = stats.t.ppf(0.95, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
        report.add(f"{part}: {label}", float(np.mean(values)))
        report.add(f"{part}: {label} +-", float(width))


if __name__ == "__main__":
    main()
