"""Reference draws: what a model's scores are compared with to become a confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sureflow.confidence.calibration import LEAST_DRAWS, LEVELS, Calibration, tabulate
from sureflow.confidence.early import LEVELS as EARLY_LEVELS
from sureflow.confidence.early import Early
from sureflow.confidence.measured import Measured, Measurements
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow.evaluation.abandonment import fit_bounds, ranks
from sureflow.families.flow.setting import named
from sureflow.learned import LEARNED_FROM
from sureflow.model import Model
from sureflow.sampling.sample import run

FIRST = 0.05
"""From when on running scores are compared."""

Floats = npt.NDArray[np.float64]


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
    unconditional: str | None = None,
    costly: bool = False,
    quiet: bool = False,
) -> Calibration:
    """Draw reference samples and tabulate all their scores.

    Every stratum has noises of its own: the same one tends to be easy for all of them, so that the
    errors of their tables would not cancel out in a mixture. Guidance scales share them.

    Args:
        model: The model to calibrate; any calibration it has is not used.
        draws: Reference samples per class and scale, and as many without a condition. With fewer
            than :data:`~sureflow.confidence.calibration.LEAST_DRAWS` nothing is said to be
            calibrated.
        guidance: Guidance scales to tabulate; scales other than 1 need classes.
        seed: Seed of the reference draws, kept apart from seeds that people like to use.
        method: Solver of the draws.
        steps: Its steps.
        score: The score that the model is to be judged by where a request names none; by default
            that of its family.
        unconditional: The same where a request has no condition; by default the same score.
        costly: Tabulate also the scores that cost a pass of their own for every evaluation.
        quiet: No progress bar.
    """
    scales = sorted({float(scale) for scale in guidance}) if model.card.classes else [1.0]
    references = [named(method, steps, guidance=scale) for scale in scales]
    score = score or family_of(model.card).default_score
    lanes = [_lanes(model, one, draws, seed, score, costly) for one in references]
    strata = [*dict.fromkeys(stratum for each in lanes for stratum in each if stratum), ""]
    total = sum(len(specs) for each in lanes for specs in each.values())
    bar: tqdm[Any]
    with tqdm(total=total, disable=quiet, unit="sample", desc=model.card.name) as bar:
        drawn = [{name: _drawn(model, each[name], bar) for name in each} for each in lanes]
    names = {name for each in drawn for part in each.values() for name in part.scores}
    quantiles = {
        name: np.array([[_table(each.get(one), name) for one in strata] for each in drawn])
        for name in family_of(model.card).scores
        if name in names
    }
    error = dict.fromkeys(quantiles, 0.0 if draws >= LEAST_DRAWS else 1.0)
    return Calibration(
        score,
        (*references,),
        (*strata,),
        quantiles,
        {
            "method": method,
            "steps": steps,
            "draws": draws,
            "seed": seed,
            LEARNED_FROM: dict(model.digests),
        },
        Measurements(tuple(Measured(one, {}, error) for one in references)),
        _early(references, strata, drawn, score, seed),
        unconditional=unconditional,
    )


def _lanes(
    model: Model, setting: Setting, draws: int, seed: int, score: str, costly: bool
) -> dict[str, list[LaneSpec]]:
    """Lanes of a setting by stratum, with the scores that they can have, the best one first."""
    family, found = family_of(model.card), {}
    for place, lane in enumerate(family.draws(model.card, setting)):
        names = [
            name
            for name in sorted(family.scores, key=lambda name: name != score)
            if family.obstacle(name, model.card, lane) is None
            and (costly or name == score or not family.scores[name].costly)
        ]
        first = replace(lane, seed=seed, scores=tuple(names))
        ((stratum, _),) = family.strata(lane)
        found[stratum] = [replace(first, index=draws * place + i) for i in range(draws)]
    return found


def _drawn(model: Model, specs: list[LaneSpec], bar: tqdm[Any]) -> Reference:
    """Make these lanes and listen to their running score."""
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


def _table(part: Reference | None, name: str) -> Floats:
    if part is None or name not in part.scores:
        return np.full(LEVELS, np.nan)
    return tabulate(part.scores[name])


def _early(
    references: Sequence[Setting],
    strata: Sequence[str],
    drawn: Sequence[dict[str, Reference]],
    score: str,
    seed: int,
) -> dict[str, Early]:
    """When lanes may be abandoned, by the running score; nothing if it never tells in time."""
    able = [[n for n in strata if n in each and score in each[n].scores] for each in drawn]
    parts = [each[name] for each, names in zip(drawn, able, strict=True) for name in names]
    times = parts[0].times
    # A score that looks at the path late, or compares two times, says nothing before.
    told = np.all([np.isfinite(part.running).all(0) for part in parts], 0)
    if not told.any():
        return {}
    levels = np.linspace(0, 1, EARLY_LEVELS)
    quantiles = np.full((len(drawn), len(strata), told.sum(), EARLY_LEVELS), np.nan)
    bounds = []
    for number, (each, names) in enumerate(zip(drawn, able, strict=True)):
        placed, final = [], []
        for name in names:
            running = each[name].running[:, told]
            table = quantiles[number, strata.index(name)] = np.quantile(running, levels, axis=0).T
            placed.append(ranks(running, table))
            final.append(_order(each[name].scores[score]))
        bounds.append(fit_bounds(np.concatenate(placed), np.concatenate(final), seed))
    made = Early((*references,), (*strata,), times[told], quantiles, np.array(bounds))
    return {score: made} if made.most() else {}


def _order(values: Floats) -> Floats:
    """Where each value stands among all, in (0, 1]."""
    return (np.argsort(np.argsort(values)) + 1) / len(values)
