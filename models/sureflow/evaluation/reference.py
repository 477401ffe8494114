"""Reference draws: what a model's uncertainty is compared with to become a confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sureflow.calibration import LEVELS, Calibration, tabulate
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.model import Model
from sureflow.scores.catalogue import DEFAULT_SCORE, SCORES


def calibrate(
    model: Model,
    draws: int = 200,
    guidance: Sequence[float] = (1.0,),
    seed: int = 1_000_003,
    method: str = "heun",
    steps: int = 20,
    score: str = DEFAULT_SCORE,
    quiet: bool = False,
) -> Calibration:
    """Draw reference samples and tabulate all their scores.

    Args:
        model: The model to calibrate; any calibration it has is not used.
        draws: Reference samples per class and scale, and as many without a condition.
        guidance: Guidance scales to tabulate; scales other than 1 need classes.
        seed: Seed of the reference draws, kept apart from seeds that people like to use.
        method: Solver of the draws.
        steps: Its steps.
        score: The score that the model is to be judged by where a request names none.
        quiet: No progress bar.
    """
    classes = len(model.card.classes)
    scales = sorted({float(scale) for scale in guidance}) if classes else [1.0]

    def tables(label: int | None, scale: float) -> dict[str, npt.NDArray[np.float64]]:
        names = tuple(
            name
            for name, meaning in SCORES.items()
            if not (meaning.labelled and label is None) and not (meaning.plain and scale != 1)
        )
        samples = draw_balanced(
            model,
            draws,
            seed,
            labels=[label],
            guidance=scale,
            method=method,
            steps=steps,
            scores=names,
            quiet=quiet,
        )
        return {
            name: tabulate(np.array([sample.scores[name] for sample in samples], np.float64))
            for name in names
        }

    unconditional = tables(None, 1.0)
    rows = [
        [*(tables(label, scale) for label in range(classes)), unconditional] for scale in scales
    ]
    names = [name for name in SCORES if name in rows[0][0]]  # the first scale has most of them
    missing = np.full(LEVELS, np.nan)
    quantiles = {
        name: np.stack(
            [np.stack([row.get(name, missing) for row in of_scale]) for of_scale in rows]
        )
        for name in names
    }
    settings = {"method": method, "steps": steps, "draws": draws, "seed": seed}
    return Calibration(score, np.array(scales), quantiles, settings)
