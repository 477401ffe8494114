"""Is confidence a share, whatever solver made the sample?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.report import Report
from sureflow.checkpoint import load
from sureflow.confidence.calibration import Calibration
from sureflow.confidence.measured import Measured, Measurements
from sureflow.confidence.quantile_map import LIMIT, distance
from sureflow.core.arrays import Floats
from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.sample import run

MODELS = {"ring": 5000, "digits": 2000, "fashion": 2000}
SETTINGS = (("euler", 20), ("heun", 20), ("rk4", 10))
SEED, QUICK = 41, 100


def measure(report: Report, quick: bool) -> None:
    """Add distances of confidence from uniform, by model, setting and score.

    Those of fresh draws by the confidence that is served, and, with *as tabulated*, by the tables
    of the reference draws alone.
    """
    for name, usual in MODELS.items():
        model, count = load(name), QUICK if quick else usual
        report.add(f"uniform, {name}: samples", count)
        for method, steps in SETTINGS:
            served, plain = _confidences(model, count, method, steps)
            for score, said in served.items():
                title = f"uniform, {name}, {method} {steps}: {score}"
                report.add(title, distance(said))
                report.add(f"{title}, as tabulated", distance(plain[score]))


def _confidences(
    model: Model, count: int, method: str, steps: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Of all scores that have tables: as served, and by the tables of the reference draws."""
    calibration = model.calibration
    assert calibration is not None
    unmapped = tuple(Measured(one, {}, {}) for one in calibration.references)
    plain = replace(calibration, measured=Measurements(unmapped))
    classes = len(model.card.classes)
    specs = [
        FlowSpec(
            SEED, i, method, steps, i % classes if classes else None, scores=(*plain.quantiles,)
        )
        for i in range(count)
    ]
    samples = run(model, specs, capacity=64)
    served, tabulated = (
        {score: said(made, score, samples) for score in plain.quantiles}
        for made in (calibration, plain)
    )
    return served, tabulated


def said(calibration: Calibration, score: str, samples: Sequence[Sample]) -> Floats:
    """Confidences of samples by a score, without missing ones."""
    found = (calibration.confidence(score, each.scores[score], each.spec) for each in samples)
    return np.array([value for value in found if value is not None])


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    heads = [f"{method} {steps}" for method, steps in SETTINGS]
    lines = [
        "## Confidence as a share, by solver",
        "",
        "Kolmogorov-Smirnov distance of confidence from uniform among fresh draws; in brackets, by",
        "the tables of the reference draws (Heun, 20 steps) alone. Uniform numbers, as many as",
        "these, have a distance of up to *chance* in 19 of 20 cases. The limit within which",
        f"`confidence_holds` is true is {LIMIT:g}.",
        "",
        f"| model | score | {' | '.join(heads)} | chance |",
        "| --- | --- |" + " ---: |" * (len(heads) + 1),
    ]
    for name in MODELS:
        if f"uniform, {name}: samples" not in figures:
            continue
        chance = 1.36 / figures[f"uniform, {name}: samples"] ** 0.5
        start = f"uniform, {name}, {heads[0]}: "
        scores = [key.removeprefix(start) for key in figures if key.startswith(start)]
        for score in scores:
            titles = [f"uniform, {name}, {head}: {score}" for head in heads]
            if f"{titles[0]}, as tabulated" in figures:
                pairs = [(figures[title], figures[f"{title}, as tabulated"]) for title in titles]
                shown = " | ".join(f"{now:.3f} ({before:.3f})" for now, before in pairs)
                lines.append(f"| {name} | {score} | {shown} | {chance:.3f} |")
    return "\n".join(lines)
