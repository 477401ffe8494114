"""Calibrates a model offline: reference draws, and draws at other settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from sureflow.confidence.calibration import LEVELS, Calibration, tabulate
from sureflow.confidence.early import LEVELS as EARLY_LEVELS
from sureflow.confidence.early import Early
from sureflow.confidence.measured import Measured, Measurements
from sureflow.confidence.quantile_map import LEAST_DRAWS
from sureflow.confidence.recalibration import (
    Arrays,
    Recalibration,
    check_examples,
    conditioned,
    scored,
)
from sureflow.core.arrays import Floats
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow.evaluation.abandonment import fit_bounds, ranks
from sureflow.evaluation.evaluate import drawn
from sureflow.learned import LEARNED_FROM
from sureflow.model import Model

FIRST = 0.05
"""From when on running scores are compared."""


Running = dict[tuple[int, int], tuple[Floats, Floats]]
"""By numbers of reference and stratum: running scores ``[draws, T]`` and ranks of the final ones in
(0, 1], ``[draws]``."""


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
    conditions: Arrays | None = None,
) -> Calibration:
    """Draw reference samples and tabulate all their scores.

    There are so many draws per class and guidance scale, as many of texts, and as many without a
    condition; scales other than 1 need classes, or texts as examples. Every stratum has noises of
    its own. A noise tends to be easy or hard in all strata, so that the errors of their tables
    would otherwise add up in a mixture. Scales share the noises. The seed is kept apart from seeds
    that people like to use.

    Where a request names no score, the model is judged by ``score``, by default that of its family.
    ``costly`` tabulates also scores that cost a pass of their own for every evaluation. With fewer
    draws than :data:`~sureflow.confidence.quantile_map.LEAST_DRAWS` nothing is calibrated.
    ``conditions`` are named arrays ``[m, ...]`` that the draws are conditioned on, in turn;
    confidence then is a share of draws with such conditions.

    Raises:
        ValueError: The model needs a condition that is not given.
    """
    check_examples(model.card, conditions or {})
    family, scales = family_of(model.card), sorted({float(scale) for scale in guidance})
    asked = [family.parse_setting(f"{method}:{steps}@{g:g}") for g in scales]
    usable = [one for one in asked if family.draws(model.card, one)]
    references = usable or [family.parse_setting(f"{method}:{steps}@1")]
    score = score or family.usual_score(model.card)
    others = [name for name in family.scores if costly or not family.scores[name].costly]
    names = [score, *(name for name in others if name != score)]
    lanes = _lanes(model.card, references, names, draws, seed, conditions or {})
    strata = (*dict.fromkeys(stratum for _, stratum in lanes if stratum), "")
    able = {name for of_place in lanes.values() for name in of_place[0].scores}
    quantiles = {
        name: np.full((len(references), len(strata), LEVELS), np.nan)
        for name in family.scores
        if name in able
    }
    heard: dict[int, dict[float, float]] = defaultdict(dict)
    running: Running = {}
    times: list[float] = []

    def listen(ticket: int, t: float, value: float) -> None:
        if t >= FIRST - 1e-9:
            heard[ticket][t] = value

    for place, samples in zip(lanes, drawn(model, [*lanes.values()], quiet, listen), strict=True):
        row = place[0], strata.index(place[1])
        for name in samples[0].scores:
            values = np.array([sample.scores[name] for sample in samples])
            quantiles[name][row] = tabulate(values)
            if name == score:
                times = sorted(heard[0])
                of_lanes = np.array([[heard[i][t] for t in times] for i in range(draws)])
                running[row] = of_lanes, (np.argsort(np.argsort(values)) + 1) / draws
        heard.clear()
    error = dict.fromkeys(quantiles, 0.0 if draws >= LEAST_DRAWS else 1.0)
    settings = {"method": method, "steps": steps, "draws": draws, "seed": seed}
    return Calibration(
        score,
        strata,
        quantiles,
        {**settings, LEARNED_FROM: dict(model.digests)},
        Measurements(tuple(Measured(one, {}, error) for one in references)),
        _early((*references,), strata, times, running, score, seed),
    )


def measure(
    model: Model,
    calibration: Calibration,
    draws: int,
    seed: int,
    wanted: Sequence[Setting] | None = None,
    quiet: bool = False,
    around: Sequence[Setting] | None = None,
    conditions: Arrays | None = None,
) -> Calibration:
    """Measure what settings do to confidence, and add it to a calibration.

    The arguments are those of :class:`~sureflow.confidence.recalibration.Recalibration`, but the
    settings are by default those that the family says are usual.

    Raises:
        ValueError: The draws will not do, or a setting does not suit the model.
    """
    if wanted is None:
        wanted = family_of(model.card).usual(model.card, calibration.references)
    plan = Recalibration(calibration, model.card, wanted, draws, seed, around, conditions)
    lanes = [plan.lanes(setting) for setting in plan.counts]
    for of_setting in lanes:
        model.check(of_setting[0])
    samples = chain.from_iterable(drawn(model, lanes, quiet))
    return plan.result(sample.scores for sample in samples)


def _lanes(
    card: ModelCard,
    references: Sequence[Setting],
    names: Sequence[str],
    draws: int,
    seed: int,
    conditions: Arrays,
) -> dict[tuple[int, str], list[LaneSpec]]:
    """The lanes to draw, by number of the reference and stratum."""
    return {
        (number, family_of(lane).strata(lane)[0][0]): [
            conditioned(
                family_of(lane).drawn(card, replace(lane, index=draws * turn + i)), conditions
            )
            for i in range(draws)
        ]
        for number, one in enumerate(references)
        for turn, lane in enumerate(scored(card, one, names, seed))
    }


def _early(
    references: tuple[Setting, ...],
    strata: tuple[str, ...],
    times: Sequence[float],
    running: Running,
    score: str,
    seed: int,
) -> dict[str, Early]:
    """When lanes may be abandoned, by the running score; nothing if it never tells in time."""
    # A score that looks at the path late, or compares two times, has no value before.
    known = np.all([np.isfinite(values).all(0) for values, _ in running.values()], 0)
    if not known.any():
        return {}
    levels = np.linspace(0, 1, EARLY_LEVELS)
    quantiles = np.full((len(references), len(strata), known.sum(), EARLY_LEVELS), np.nan)
    bounds = []
    for number in range(len(references)):
        ranked, final = [], []
        for row in (row for row in running if row[0] == number):
            values, order = running[row]
            quantiles[row] = np.quantile(values[:, known], levels, axis=0).T
            ranked.append(ranks(values[:, known], quantiles[row]))
            final.append(order)
        bounds.append(fit_bounds(np.concatenate(ranked), np.concatenate(final), seed))
    made = Early(references, strata, np.array(times)[known], quantiles, np.array(bounds))
    return {score: made} if made.most() else {}
