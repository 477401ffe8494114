"""Confidence at other settings than those of the reference draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.curve import Floats, compare
from sureflow.confidence.shift import Setting, Shift, Shifts, unshifted
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.sample import run

FIXED = (
    ("euler", 10), ("euler", 20), ("euler", 50), ("heun", 10), ("midpoint", 10), ("midpoint", 20),
    ("ab2", 20), ("ab2", 40), ("rk4", 5), ("rk4", 10),
)  # fmt: skip
ADAPTIVE = (("ab2", 0.03), ("ab2", 0.01))

MORE = (("euler", 100), ("heun", 40), ("ab2", 10), ("ab2", 80), ("rk4", 20))
MORE_ADAPTIVE = (
    ("ab2", 0.1), ("ab2", 0.003),
    ("bosh3", 0.03), ("bosh3", 0.01), ("dopri5", 0.03), ("dopri5", 0.01),
)  # fmt: skip
"""For models of vectors, whose draws cost little."""

FITTED = (("heun", 10), ("heun", 20), ("euler", 20))
"""For models that have a grid of their own."""

GUIDED = (("euler", 50), ("heun", 10), ("ab2", 40), ("rk4", 10))
"""At the largest guidance scale, where every evaluation costs two rows."""

Places = dict[str, Floats]
"""Places among the reference draws, by score, ``[n]``; NaN where there is none."""


def settings(model: Model, calibration: Calibration) -> list[Setting]:
    """Those at which confidence is measured, besides that of the reference draws."""
    cheap = model.card.media == "vector"
    adaptive = ADAPTIVE + MORE_ADAPTIVE * cheap
    found = [Setting(method, steps) for method, steps in FIXED + MORE * cheap]
    found += [Setting(method, tolerance=tolerance) for method, tolerance in adaptive]
    if model.grid is not None:
        found += [Setting(method, steps, grid="fitted") for method, steps in FITTED]
    largest = float(calibration.guidance[-1])
    if largest != 1:
        found += [Setting(method, steps, guidance=largest) for method, steps in GUIDED]
    return [setting for setting in found if setting.guidance in calibration.guidance]


def measure(
    model: Model,
    calibration: Calibration,
    draws: int,
    seed: int,
    wanted: Sequence[Setting] | None = None,
    quiet: bool = False,
) -> Shifts:
    """Find out what other settings do to confidence.

    Every setting is run from the same fresh noises as the reference setting, so that what differs
    is the setting's doing; see :func:`~sureflow.confidence.curve.compare`. All classes, and no
    condition, take turns and count alike.

    Args:
        model: The model.
        calibration: Its tables of reference draws.
        draws: Samples at each setting.
        seed: Their seed; not that of the reference draws.
        wanted: The settings; by default those of :func:`settings`.
        quiet: No progress bar.

    Raises:
        ValueError: The seed is that of the reference draws.
    """
    if seed == calibration.settings["seed"]:
        raise ValueError(f"seed: {seed} is that of the reference draws")
    wanted = settings(model, calibration) if wanted is None else wanted
    method, steps = calibration.settings["method"], calibration.settings["steps"]
    own = unshifted(method, steps, calibration.guidance, calibration.quantiles)
    home: dict[float, Places] = {}
    shifts = list(own.shifts)
    bar: tqdm[Any]
    with tqdm(disable=quiet, unit="sample", desc="elsewhere") as bar:
        for setting in wanted:
            scale = setting.guidance
            if scale not in home:
                reference = Setting(method, steps, guidance=scale)
                home[scale] = _places(model, calibration, reference, draws, seed, bar)
            there = _places(model, calibration, setting, draws, seed, bar)
            tables = calibration.settings["draws"] * len(_labels(model, setting))
            shifts.append(_shift(setting, there, home[scale], tables))
    return Shifts(tuple(shifts))


def _labels(model: Model, setting: Setting) -> list[int | None]:
    """Those of which there are tables, and samples of that setting."""
    labels: list[int | None] = [*range(len(model.card.classes))]
    return [*labels, None] if setting.guidance == 1 else labels


def _shift(setting: Setting, there: Places, here: Places, draws: int) -> Shift:
    """What the places of a setting say, in tables of so many reference draws."""
    curves, error = {}, {}
    for name, values in there.items():
        both = np.isfinite(values) & np.isfinite(here[name])
        if both.any():
            curves[name], error[name] = compare(values[both], here[name][both], draws)
    return Shift(setting, curves, error)


def _places(
    model: Model,
    calibration: Calibration,
    setting: Setting,
    count: int,
    seed: int,
    bar: tqdm[Any],
) -> Places:
    labels = _labels(model, setting)
    specs = [
        _spec(model, calibration, setting, seed, index, labels[index % len(labels)])
        for index in range(count)
    ]
    samples = run(model, specs, capacity=64, progress=bar.update)
    return {
        name: np.array(
            [
                _place(calibration, name, sample.scores.get(name, np.nan), sample.spec)
                for sample in samples
            ]
        )
        for name in calibration.quantiles
    }


def _spec(
    model: Model,
    calibration: Calibration,
    setting: Setting,
    seed: int,
    index: int,
    label: int | None,
) -> FlowSpec:
    """A lane that gathers all scores that have tables."""
    names = [
        name
        for name in calibration.quantiles
        if SCORES[name].obstacle(model.card, label, setting.guidance) is None
    ]
    return FlowSpec(
        seed,
        index,
        setting.method,
        setting.steps or 1,
        label,
        setting.guidance,
        setting.tolerance,
        grid=setting.grid,
        scores=tuple(names),
    )


def _place(calibration: Calibration, name: str, value: float, spec: FlowSpec) -> float:
    found = calibration.place(name, value, spec.label, spec.guidance)
    return np.nan if found is None else found
