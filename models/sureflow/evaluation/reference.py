"""Reference draws: what a model's uncertainty is compared with to become a confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
        draws: Reference samples per class (in all, for an unconditional model) and scale.
        guidance: Guidance scales to tabulate; scales other than 1 need classes.
        seed: Seed of the reference draws, kept apart from seeds that people like to use.
        method: Solver of the draws.
        steps: Its steps.
        quiet: No progress bar.
    """
    classes = len(model.card.classes)
    scales = sorted({float(scale) for scale in guidance}) if classes else [1.0]
    tables = []
    for scale in scales:
        samples = draw_balanced(
            model,
            draws * max(classes, 1),
            seed,
            guidance=scale,
            method=method,
            steps=steps,
            quiet=quiet,
        )
        values = np.array([sample.uncertainty for sample in samples], np.float64)
        labels = np.array([sample.spec.label if classes else 0 for sample in samples])
        rows = [tabulate(values[labels == label]) for label in range(classes)]
        tables.append(np.stack([*rows, tabulate(values)]))
    settings = {"method": method, "steps": steps, "draws": draws, "seed": seed}
    return Calibration(np.array(scales), np.stack(tables), settings)
