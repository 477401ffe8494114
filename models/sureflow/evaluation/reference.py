"""Reference draws: what a model's scores are compared with to become a confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
from tqdm import tqdm

from sureflow.confidence.calibration import LEVELS, Calibration, tabulate
from sureflow.confidence.early import LEVELS as EARLY_LEVELS
from sureflow.confidence.early import Early
from sureflow.confidence.measured import Measured, Measurements
from sureflow.confidence.quantile_map import LEAST_DRAWS, Floats
from sureflow.confidence.recalibration import scored
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow.evaluation.abandonment import fit_bounds, ranks
from sureflow.families.flow.setting import named
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow.stamp import LEARNED_FROM

FIRST = 0.05
"""From when on running scores are compared."""


@dataclass(frozen=True)
class Reference:
    """Draws of one stratum at one setting.

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
    score: str | None = None,
    costly: bool = False,
    quiet: bool = False,
) -> Calibration:
    """Draw reference samples and tabulate all their scores.

    Every stratum has noises of its own. A noise tends to be easy or hard in all strata, so that the
    errors of their tables would otherwise add up in a mixture. Guidance scales share the noises.

    Args:
        model: The model; a calibration that it has is not used.
        draws: Reference samples per class and scale, and as many without a condition. With fewer
            than :data:`~sureflow.confidence.quantile_map.LEAST_DRAWS` nothing is calibrated.
        guidance: Guidance scales to tabulate; scales other than 1 need classes.
        seed: Seed of the reference draws, kept apart from seeds that people like to use.
        method: Solver of the draws.
        steps: Number of its steps.
        score: The score by which the model is judged where a request names none; by default that
            of its family.
        costly: Tabulate also the scores that cost a pass of their own for every evaluation.
        quiet: No progress bar.
    """
    family, scales = family_of(model.card), sorted({float(scale) for scale in guidance})
    references = [named(method, steps, guidance=g) for g in (scales if model.card.classes else [1])]
    score = score or family.default_score
    others = [name for name in family.scores if costly or not family.scores[name].costly]
    names = [score, *(name for name in others if name != score)]
    lanes = {
        (number, family.strata(lane)[0][0]): [replace(lane, index=n + i) for i in range(draws)]
        for number, one in enumerate(references)
        for n, lane in zip(count(0, draws), scored(model.card, one, names, seed), strict=False)
    }
    bar: tqdm[Any]
    total = draws * len(lanes)
    with tqdm(total=total, disable=quiet, unit="sample", desc=model.card.name) as bar:
        drawn = {place: _drawn(model, of_place, bar) for place, of_place in lanes.items()}
    strata = (*dict.fromkeys(stratum for _, stratum in drawn if stratum), "")
    quantiles = {
        name: np.full((len(references), len(strata), LEVELS), np.nan)
        for name in family.scores
        if any(name in part.scores for part in drawn.values())
    }
    for (number, stratum), part in drawn.items():
        for name, values in part.scores.items():
            quantiles[name][number, strata.index(stratum)] = tabulate(values)
    error = dict.fromkeys(quantiles, 0.0 if draws >= LEAST_DRAWS else 1.0)
    settings = {"method": method, "steps": steps, "draws": draws, "seed": seed}
    return Calibration(
        score,
        strata,
        quantiles,
        {**settings, LEARNED_FROM: dict(model.digests)},
        Measurements(tuple(Measured(one, {}, error) for one in references)),
        _early((*references,), strata, drawn, score, seed),
    )


def _drawn(model: Model, specs: list[LaneSpec], bar: tqdm[Any]) -> Reference:
    """Draw these lanes and listen to their running score."""
    heard: list[dict[float, float]] = [{} for _ in specs]

    def listen(ticket: int, t: float, value: float) -> None:
        if t >= FIRST - 1e-9:
            heard[ticket][t] = value

    samples = run(model, specs, capacity=64, progress=bar.update, listener=listen)
    times = np.array(sorted(heard[0]))
    return Reference(
        {name: np.array([sample.scores[name] for sample in samples]) for name in specs[0].scores},
        times,
        np.array([[of_lane[t] for t in times] for of_lane in heard]),
    )


def _early(
    references: tuple[Setting, ...],
    strata: tuple[str, ...],
    drawn: dict[tuple[int, str], Reference],
    score: str,
    seed: int,
) -> dict[str, Early]:
    """When lanes may be abandoned, by the running score; nothing if it never tells in time."""
    able = {place: part for place, part in drawn.items() if score in part.scores}
    # A score that looks at the path late, or compares two times, says nothing before.
    told = np.all([np.isfinite(part.running).all(0) for part in able.values()], 0)
    if not told.any():
        return {}
    levels = np.linspace(0, 1, EARLY_LEVELS)
    quantiles = np.full((len(references), len(strata), told.sum(), EARLY_LEVELS), np.nan)
    ranked: list[list[tuple[Floats, Floats]]] = [[] for _ in references]
    for (number, stratum), part in able.items():
        running = part.running[:, told]
        table = quantiles[number, strata.index(stratum)] = np.quantile(running, levels, axis=0).T
        ranked[number].append((ranks(running, table), _order(part.scores[score])))
    bounds = []
    for of_strata in ranked:
        placed, final = (np.concatenate(parts) for parts in zip(*of_strata, strict=True))
        bounds.append(fit_bounds(placed, final, seed))
    times = next(iter(able.values())).times[told]
    made = Early(references, strata, times, quantiles, np.array(bounds))
    return {score: made} if made.most() else {}


def _order(values: Floats) -> Floats:
    """Where each value stands among all, in (0, 1]."""
    return (np.argsort(np.argsort(values)) + 1) / len(values)
