"""Reference draws: what a model's uncertainty is compared with to become a confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sureflow.calibration import Calibration, tabulate
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.model import Model


def calibrate(
    model: Model,
    draws: int = 200,
    guidance: Sequence[float] = (1.0,),
    seed: int = 1_000_003,
    method: str = "heun",
    steps: int = 20,
    quiet: bool = False,
) -> Calibration:
    """Draw reference samples and tabulate their uncertainty.

    Args:
        model: The model to calibrate; any calibration it has is not used.
        draws: Reference samples per class and scale, and as many without a condition.
        guidance: Guidance scales to tabulate; scales other than 1 need classes.
        seed: Seed of the reference draws, kept apart from seeds that people like to use.
        method: Solver of the draws.
        steps: Its steps.
        quiet: No progress bar.
    """
    classes = len(model.card.classes)
    scales = sorted({float(scale) for scale in guidance}) if classes else [1.0]

    def table(label: int | None, scale: float) -> npt.NDArray[np.float64]:
        samples = draw_balanced(
            model,
            draws,
            seed,
            labels=[label],
            guidance=scale,
            method=method,
            steps=steps,
            quiet=quiet,
        )
        return tabulate(np.array([sample.uncertainty for sample in samples], np.float64))

    unconditional = table(None, 1.0)
    quantiles = [
        np.stack([*(table(label, scale) for label in range(classes)), unconditional])
        for scale in scales
    ]
    settings = {"method": method, "steps": steps, "draws": draws, "seed": seed}
    return Calibration(np.array(scales), np.stack(quantiles), settings)
