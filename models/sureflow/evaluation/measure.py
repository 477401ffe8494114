"""Confidence at other settings than those of the reference draws, measured offline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.recalibration import Recalibration
from sureflow.core.family import family_of
from sureflow.core.setting import Setting
from sureflow.model import Model
from sureflow.sampling.sample import run


def measure(
    model: Model,
    calibration: Calibration,
    draws: int,
    seed: int,
    wanted: Sequence[Setting] | None = None,
    quiet: bool = False,
    around: Sequence[Setting] | None = None,
) -> Calibration:
    """Measure what settings do to confidence, and add it to a calibration.

    The arguments are those of :class:`~sureflow.confidence.recalibration.Recalibration`, but the
    settings are by default those that the family says are usual.

    Raises:
        ValueError: The draws will not do, or a setting does not suit the model.
    """
    if wanted is None:
        wanted = family_of(model.card).usual(model.card, calibration.references)
    plan = Recalibration(calibration, model.card, wanted, draws, seed, around)
    scores = []
    bar: tqdm[Any]
    with tqdm(total=sum(plan.counts.values()), disable=quiet, unit="sample") as bar:
        for setting in plan.counts:
            lanes = plan.lanes(setting)
            model.check(lanes[0])
            samples = run(model, lanes, capacity=64, progress=bar.update)
            scores += [sample.scores for sample in samples]
    return plan.result(scores)
