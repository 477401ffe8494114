"""Confidence at other settings than those of the reference draws, measured offline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.recalibration import Recalibration
from sureflow.core.family import family_of
from sureflow.core.setting import Setting
from sureflow.evaluation.evaluate import drawn
from sureflow.model import Model


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
    lanes = [plan.lanes(setting) for setting in plan.counts]
    for of_setting in lanes:
        model.check(of_setting[0])
    samples = chain.from_iterable(drawn(model, lanes, quiet))
    return plan.result(sample.scores for sample in samples)
