"""Compares the likelihood of a resampled lane with that of its finished sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.report import Report
from sureflow.checkpoint import load
from sureflow.core.frame import nearest
from sureflow.core.lane import Branch, Inverted
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run, step_of

SEED, STEPS = 19, 50
TIMES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
STRENGTHS = (0.3, 1.0)


def measure(report: Report, quick: bool, docs: Path | None) -> None:
    """Add, for jumps at several times, the agreement with truth and with an inversion."""
    model = load("ring-exact")
    network = model.network
    assert isinstance(network, GaussianMixture)
    specs = [
        FlowSpec(SEED, index, "heun", STEPS, scores=("likelihood",), keep=TIMES)
        for index in range(40 if quick else 400)
    ]
    parents = run(model, specs, 64)
    for strength in STRENGTHS:
        for time in TIMES:
            lanes = []
            for parent in parents:
                step = step_of(parent, time)
                frame = nearest(parent.frames, step)
                origin = Branch(parent.spec, step, (Resample(strength),), frame)
                lanes.append(replace(parent.spec, seed=SEED + 1, keep=(), origin=origin))
            made = run(model, lanes, 64)
            ends = torch.from_numpy(np.stack([sample.data for sample in made]))
            exact = -network.log_density(ends, torch.ones(len(ends))).numpy()
            back = [
                replace(spec, origin=Inverted(sample.data), keep=())
                for spec, sample in zip(specs, made, strict=True)
            ]
            inverted = np.array([s.scores["likelihood"] for s in run(model, back, 64)])
            scores = np.array([sample.scores["likelihood"] for sample in made])
            title = f"jump at {time}, strength {strength}"
            report.add(f"{title}: Spearman, density", float(spearmanr(scores, exact)[0]))
            report.add(f"{title}: Spearman, inversion", float(spearmanr(scores, inverted)[0]))
            report.add(f"{title}: median error", float(np.median(abs(scores - exact))), "nats")


def fragment(figures: dict[str, Any]) -> str:
    """The figures as a section with a markdown table."""
    rows = [
        "## Likelihood over a jump",
        "",
        "`likelihood` of `ring-exact` samples that were resampled on the way; the log-density",
        "changes over the jump as its gradients at both ends say. Spearman with the exact density",
        "of the finished samples, and with the likelihood of the same samples inverted.",
        "",
        "| strength | t | Spearman, exact density | Spearman, inversion | median error, nats |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for strength in STRENGTHS:
        for time in TIMES:
            title = f"jump at {time}, strength {strength}"
            values = [
                figures[f"{title}: {what}"]
                for what in ("Spearman, density", "Spearman, inversion", "median error")
            ]
            rows.append(f"| {strength} | {time} | " + " | ".join(f"{v:.3f}" for v in values) + " |")
    return "\n".join(rows)
