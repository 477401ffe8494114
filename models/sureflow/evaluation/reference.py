"""Calibrates a model offline: reference draws, and draws at other settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.early import LEVELS as EARLY_LEVELS
from sureflow.confidence.early import NEVER, SHARES, STATISTICS, Early, total
from sureflow.confidence.measured import Measured, Measurements
from sureflow.confidence.quantile_map import LEAST_DRAWS
from sureflow.confidence.quantile_table import LEVELS, tabulate
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
from sureflow.core.lane import LaneSpec, Sample
from sureflow.core.setting import Setting
from sureflow.evaluation.abandonment import fit_bounds, ranks, telling
from sureflow.evaluation.evaluate import drawn
from sureflow.learned import LEARNED_FROM
from sureflow.model import Model

FIRST = 0.05
"""From when on statistics are compared."""


Heard = dict[int, dict[float, Floats]]
"""By number of the lane and time: its statistics."""

Running = dict[tuple[int, int], tuple[Floats, Floats]]
"""By numbers of reference and stratum: statistics ``[draws, T, m]``, and ranks of the final
scores in (0, 1], ``[draws]``."""


def calibrate(
    model: Model,
    draws: int = 200,
    guidance: Sequence[float] = (1.0,),
    seed: int = 1_000_003,
    method: str | None = None,
    steps: int | None = None,
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
    that people like to use. Method and steps are by default those of the family's ``reference``, or
    the most steps that the model was made for.

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
    usual_method, _, usual_steps = family.reference.partition(":")
    most = max(model.card.step_counts, default=int(usual_steps))
    method, steps = method or usual_method, steps or most
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
    running: Running = {}
    for place, samples, heard in _heard(model, lanes, quiet):
        row = place[0], strata.index(place[1])
        for name in samples[0].scores:
            quantiles[name][row] = tabulate(_values(samples, name))
        if score in samples[0].scores:
            running[row] = _running(samples, heard, score)
            times = sorted(heard[0])
    error = dict.fromkeys(quantiles, 0.0 if draws >= LEAST_DRAWS else 1.0)
    settings = {"method": method, "steps": steps, "draws": draws, "seed": seed}
    return Calibration(
        score,
        strata,
        quantiles,
        {**settings, LEARNED_FROM: dict(model.digests)},
        Measurements(tuple(Measured(one, {}, error) for one in references)),
        _able(_early((*references,), strata, times, running, score, seed) if running else {}),
    )


def foresee(
    model: Model,
    calibration: Calibration,
    quiet: bool = False,
    conditions: Arrays | None = None,
    guidance: Sequence[float] | None = None,
) -> Calibration:
    """Draw the reference samples again, and fit anew when lanes may be abandoned; the rest stays.

    So a model that got a foresight after its tables makes use of it; at some scales of guidance, if
    they are given.

    Raises:
        ValueError: The model needs a condition that is not given.
    """
    check_examples(model.card, conditions or {})
    score, strata, given = calibration.score, calibration.strata, calibration.settings
    references = calibration.references
    lanes = _lanes(model.card, references, [score], given["draws"], given["seed"], conditions or {})
    wanted = {
        number
        for number, one in enumerate(references)
        if guidance is None or one.numbers.get("guidance", 1.0) in guidance
    }
    able = {
        place: of_place
        for place, of_place in lanes.items()
        if place[0] in wanted and of_place[0].scores == (score,)
    }
    running: Running = {}
    for place, samples, heard in _heard(model, able, quiet):
        running[place[0], strata.index(place[1])] = _running(samples, heard, score)
        times = sorted(heard[0])
    early = _early(references, strata, times, running, score, given["seed"])
    before = calibration.early.get(score)
    if early and before is not None:
        early = {score: early[score].beside(before, wanted)}
    settings = given | {LEARNED_FROM: dict(model.digests)}
    return replace(calibration, early=_able(early), settings=settings)


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


def _heard(
    model: Model, lanes: Mapping[tuple[int, str], Sequence[LaneSpec]], quiet: bool
) -> Iterator[tuple[tuple[int, str], list[Sample], Heard]]:
    """Draw lanes place by place; yields the samples of each, and what foretold their score."""
    heard: Heard = defaultdict(dict)

    def listen(ticket: int, t: float, values: Floats) -> None:
        if t >= FIRST - 1e-9:
            heard[ticket][t] = values

    for place, samples in zip(lanes, drawn(model, [*lanes.values()], quiet, listen), strict=True):
        yield place, samples, heard
        heard.clear()


def _values(samples: Sequence[Sample], score: str) -> Floats:
    return np.array([sample.scores[score] for sample in samples])


def _running(samples: Sequence[Sample], heard: Heard, score: str) -> tuple[Floats, Floats]:
    times, count = sorted(heard[0]), len(samples)
    of_lanes = np.array([[heard[i][t] for t in times] for i in range(count)])
    return of_lanes, (np.argsort(np.argsort(_values(samples, score))) + 1) / count


def _able(early: dict[str, Early]) -> dict[str, Early]:
    """Those by which lanes of every reference can be abandoned."""
    return {score: bounds for score, bounds in early.items() if bounds.most()}


def _early(
    references: tuple[Setting, ...],
    strata: tuple[str, ...],
    times: Sequence[float],
    running: Running,
    score: str,
    seed: int,
) -> dict[str, Early]:
    """When lanes may be abandoned, by what foretells the score best; nothing if it never does."""
    # A score that looks at the path late, or compares two times, has no running value before.
    able = np.all([np.isfinite(values).all(0) for values, _ in running.values()], 0)
    known = able.any(1)
    if not known.any():
        return {}
    levels, shape = np.linspace(0, 1, EARLY_LEVELS), (len(references), len(strata), known.sum())
    quantiles, weights = np.full((*shape, EARLY_LEVELS), np.nan), np.zeros((*shape, STATISTICS))
    bounds: list[Floats] = []
    for number in range(len(references)):
        rows = [row for row in running if row[0] == number]
        if not rows:  # not drawn
            bounds.append(np.full((len(SHARES), shape[2]), NEVER))
            continue
        ranked = []
        found = telling([running[row] for row in rows], able)[:, known]
        for row, weights[row] in zip(rows, found, strict=True):
            sums = total(running[row][0][:, known], weights[row])
            quantiles[row] = np.quantile(sums, levels, axis=0).T
            ranked.append(ranks(sums, quantiles[row]))
        final = np.concatenate([running[row][1] for row in rows])
        bounds.append(fit_bounds(np.concatenate(ranked), final, seed))
    instants = np.array(times)[known]
    made = Early(references, strata, instants, quantiles, np.array(bounds), weights)
    return {score: made}
