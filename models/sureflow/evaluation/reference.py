"""Reference draws: what a model's scores are compared with to become a confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sureflow.confidence.calibration import LEVELS, Calibration, tabulate
from sureflow.confidence.early import LEVELS as EARLY_LEVELS
from sureflow.confidence.early import Early
from sureflow.evaluation.abandonment import fit_bounds, ranks
from sureflow.families.flow.scores.catalogue import DEFAULT_SCORE, SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow.stamp import LEARNED_FROM

FIRST = 0.05
"""From when on running scores are compared."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """Draws of one class at one guidance scale.

    Attributes:
        scores: By name, ``[draws]``.
        times: Starts of their steps from :data:`FIRST` on, ``[T]``.
        running: The first of the scores there, ``[draws, T]``.
    """

    scores: dict[str, Floats]
    times: Floats
    running: Floats


def calibrate(
    model: Model,
    draws: int = 200,
    guidance: Sequence[float] = (1.0,),
    seed: int = 1_000_003,
    method: str = "heun",
    steps: int = 20,
    score: str = DEFAULT_SCORE,
    costly: bool = False,
    quiet: bool = False,
) -> Calibration:
    """Draw reference samples and tabulate all their scores.

    Every class has noises of its own: the same one tends to be easy for all of them, so that the
    errors of their tables would not cancel out in a mixture. Guidance scales share them.

    Args:
        model: The model to calibrate; any calibration it has is not used.
        draws: Reference samples per class and scale, and as many without a condition.
        guidance: Guidance scales to tabulate; scales other than 1 need classes.
        seed: Seed of the reference draws, kept apart from seeds that people like to use.
        method: Solver of the draws.
        steps: Its steps.
        score: The score that the model is to be judged by where a request names none.
        costly: Tabulate also the scores that cost a pass of their own for every evaluation.
        quiet: No progress bar.
    """
    classes = len(model.card.classes)
    scales = sorted({float(scale) for scale in guidance}) if classes else [1.0]
    total = draws * (classes * len(scales) + 1)
    bar: tqdm[Any]
    with tqdm(total=total, disable=quiet, unit="sample", desc=model.card.name) as bar:

        def draw(label: int | None, scale: float) -> Reference:
            names = sorted(_names(model, label, scale), key=lambda name: name != score)
            names = [name for name in names if costly or name == score or not SCORES[name].factor]
            first = draws * (classes if label is None else label)
            specs = [
                FlowSpec(seed, first + index, method, steps, label, scale, scores=tuple(names))
                for index in range(draws)
            ]
            return _drawn(model, specs, bar)

        unconditional = draw(None, 1.0)
        of_scales = [
            [*(draw(label, scale) for label in range(classes)), unconditional] for scale in scales
        ]
    quantiles = {
        name: np.array([[_table(part, name) for part in parts] for parts in of_scales])
        for name in SCORES
        if any(name in part.scores for parts in of_scales for part in parts)
    }
    early = _early(of_scales, np.array(scales), score, seed)
    settings = {"method": method, "steps": steps, "draws": draws, "seed": seed}
    settings |= {LEARNED_FROM: dict(model.digests)}
    return Calibration(score, np.array(scales), quantiles, settings, early)


def _names(model: Model, label: int | None, scale: float) -> list[str]:
    """The scores that mean something there."""
    return [
        name
        for name, meaning in SCORES.items()
        if meaning.obstacle(model.card, label, scale) is None
    ]


def _drawn(model: Model, specs: list[FlowSpec], bar: tqdm[Any]) -> Reference:
    """Make these lanes and listen to their running score."""
    heard: list[dict[float, float]] = [{} for _ in specs]

    def hear(ticket: int, t: float, value: float) -> None:
        if t >= FIRST - 1e-9:
            heard[ticket][t] = value

    samples = run(model, specs, capacity=64, progress=bar.update, listener=hear)
    names = specs[0].scores
    times = np.array(sorted(heard[0]))
    return Reference(
        {name: np.array([sample.scores[name] for sample in samples]) for name in names},
        times,
        np.array([[of_lane[t] for t in times] for of_lane in heard]),
    )


def _table(part: Reference, name: str) -> Floats:
    return tabulate(part.scores[name]) if name in part.scores else np.full(LEVELS, np.nan)


def _early(
    of_scales: list[list[Reference]], scales: Floats, score: str, seed: int
) -> dict[str, Early]:
    """When lanes may be abandoned, by the running score; nothing if there are no times to ask."""
    times = of_scales[0][0].times
    if not len(times):
        return {}
    levels = np.linspace(0, 1, EARLY_LEVELS)
    quantiles, bounds = [], []
    for parts in of_scales:
        tables, placed, final = [], [], []
        for part in parts:
            if next(iter(part.scores)) != score:
                tables.append(np.full((len(times), EARLY_LEVELS), np.nan))
                continue
            tables.append(np.quantile(part.running, levels, axis=0).T)
            placed.append(ranks(part.running, tables[-1]))
            final.append(_order(part.scores[score]))
        bounds.append(fit_bounds(np.concatenate(placed), np.concatenate(final), seed))
        quantiles.append(np.array(tables))
    return {score: Early(times, scales, np.array(quantiles), np.array(bounds))}


def _order(values: Floats) -> Floats:
    """Where each value stands among all, in (0, 1]."""
    return (np.argsort(np.argsort(values)) + 1) / len(values)
