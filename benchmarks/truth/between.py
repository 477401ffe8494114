"""Is confidence a share at settings that nothing was fitted to, where it is said to be one?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchmarks.report import Report
from benchmarks.truth.uniform import said
from sureflow.checkpoint import load
from sureflow.confidence.quantile_map import LIMIT, distance
from sureflow.confidence.recalibration import scored
from sureflow.core.arrays import Floats
from sureflow.families.flow.setting import named
from sureflow.model import Model
from sureflow.sampling.sample import run

COUNTS = {"ring": 4000, "digits": 1100, "fashion": 550}
METHODS = {"ring": ("heun", "euler", "midpoint", "rk4"), "digits": ("heun",), "fashion": ("heun",)}
AWKWARD = (7, 11, 13, 17, 23)
"""On whose grids no time lies at which a score begins to count."""

SEED, QUICK, TAILS = 43, 220, (0.1, 0.9)


def measure(report: Report, quick: bool) -> None:
    """Add, by model, setting and score: the distance from uniform, and what is said of it."""
    for name, count in COUNTS.items():
        model = load(name)
        for method in METHODS[name]:
            for steps in AWKWARD:
                _setting(report, model, method, steps, QUICK if quick else count)


def _setting(report: Report, model: Model, method: str, steps: int, count: int) -> None:
    calibration = model.calibration
    assert calibration is not None
    turns = scored(model.card, named(method, steps), calibration.quantiles, SEED)
    title = f"between, {model.card.name}, {method} {steps}"
    report.add(f"{title}: samples", count)
    specs = [replace(turns[index % len(turns)], index=index) for index in range(count)]
    samples = run(model, specs, capacity=64)
    for score in calibration.quantiles:
        with_score = [sample for sample in samples if score in sample.scores]
        found = said(calibration, score, with_score)
        declared = calibration.calibrated_for(score, with_score[0].spec)
        classes = {sample.spec.label for sample in with_score}
        apart = [
            said(calibration, score, [s for s in with_score if s.spec.label == label])
            for label in classes
        ]
        report.add(f"{title}, {score}: said to be one", int(declared))
        report.add(f"{title}, {score}: distance", distance(found))
        report.add(f"{title}, {score}: worst class", max(map(distance, apart)))
        report.add(f"{title}, {score}: worst tail", max(_tail(found, at) for at in TAILS))


def _tail(found: Floats, at: float) -> float:
    """How far the share that passes a threshold is from what it should be."""
    return abs(float((found >= at).mean()) - (1 - at))


def fragment(figures: Mapping[str, Any]) -> str:
    """Markdown of the figures of :func:`measure`."""
    lines = [
        "## Confidence as a share, between settings",
        "",
        "At numbers of steps that nothing was fitted to. Kolmogorov-Smirnov distance from uniform,",
        "of the scores whose confidence is said to be calibrated there and of the others, the",
        "worst of each; the worst class of those, and how far the share that passes 0.1 or 0.9",
        f"is from what it should be. The limit is {LIMIT:g}; uniform numbers, as many as these,",
        "have a distance of up to *chance* in 19 of 20 cases, and those of a class of up to",
        "*of a class*.",
        "",
        "| model | setting | said of | distance | tails | worst class | others | chance"
        " | of a class |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label, count in figures.items():
        if label.startswith("between, ") and label.endswith(": samples"):
            lines.append(_row(figures, label.removesuffix(": samples"), count))
    return "\n".join(lines)


def _row(figures: Mapping[str, Any], title: str, count: int) -> str:
    start, end = f"{title}, ", ": said to be one"
    told = {
        label.removeprefix(start).removesuffix(end): bool(value)
        for label, value in figures.items()
        if label.startswith(start) and label.endswith(end)
    }

    def worst(what: str, declared: bool) -> str:
        values = [
            figures[f"{title}, {score}: {what}"] for score, so in told.items() if so == declared
        ]
        return f"{max(values):.3f}" if values else ""

    _, model, setting = title.split(", ")
    strata = {"ring": 1}.get(model, 11)
    chance, of_class = (1.36 / (count / n) ** 0.5 for n in (1, strata))
    cells = [
        model,
        setting,
        f"{sum(told.values())} of {len(told)}",
        worst("distance", True),
        worst("worst tail", True),
        worst("worst class", True),
        worst("distance", False),
        f"{chance:.3f}",
        f"{of_class:.3f}",
    ]
    return f"| {' | '.join(cells)} |"
