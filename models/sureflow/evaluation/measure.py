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
    """Find out what settings do to confidence, and add it to a calibration.

    Args:
        model: The model.
        calibration: Its tables of reference draws, and what is known of other settings.
        draws: Samples at each setting, all strata together.
        seed: Their seed; not that of the reference draws.
        wanted: The settings; by default those that the family says are usual.
        quiet: No progress bar.
        around: Settings next to which interpolation is tried; by default these.

    Raises:
        ValueError: The draws will not do, see
            :class:`~sureflow.confidence.recalibration.Recalibration`, or a setting does not suit
            the model.
    """
    family = family_of(model.card)
    if wanted is None:
        wanted = family.usual(model.card, calibration.references)
    plan = Recalibration(calibration, model.card, family, wanted, draws, seed, around)
    found = {}
    bar: tqdm[Any]
    with tqdm(total=sum(plan.counts.values()), disable=quiet, unit="sample") as bar:
        for setting in plan.counts:
            lanes = plan.lanes(setting)
            model.check(lanes[0])
            samples = run(model, lanes, capacity=64, progress=bar.update)
            found[setting] = [sample.scores for sample in samples]
    return plan.result(found)
