"""Edits that are applied to samples, and samples that are given for inversion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.golden.library import Guide, Inpaint, Operation, Resample, Uncertain

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Change:
    """An edit: operations for samples of a shape, and fields of the lane to change."""

    operations: Callable[[Shape], tuple[Operation, ...]] = lambda shape: ()
    fields: dict[str, Any] = field(default_factory=dict)


def wave(shape: Shape, pace: float = 0.7) -> npt.NDArray[np.float32]:
    """Values in -1 .. 1 that need no generator of random numbers, ``[*shape]``."""
    numbers = np.arange(np.prod(shape), dtype=np.float64)
    return np.sin(pace * numbers).reshape(shape).astype(np.float32)


def half(shape: Shape) -> npt.NDArray[np.bool_]:
    """A mask of the first half along the last axis."""
    mask = np.zeros(shape, np.bool_)
    mask[..., : max(shape[-1] // 2, 1)] = True
    return mask


def _coarse(shape: Shape) -> Guide:
    empty = Guide("downsample")
    return Guide("downsample", 0.5, wave(empty.measured(shape)))


CHANGES = {
    "nothing": Change(),
    "anew": Change(lambda shape: (Resample(),)),
    "half": Change(lambda shape: (Resample(0.5),)),
    "masked": Change(lambda shape: (Resample(0.7, half(shape)),)),
    "uncertain": Change(lambda shape: (Resample(0.8, Uncertain(0.3)),)),
    "inpaint": Change(lambda shape: (Inpaint(half(shape), wave(shape)),)),
    "inpaint again": Change(lambda shape: (Inpaint(half(shape), wave(shape), 3),)),
    "guide mask": Change(lambda shape: (Guide("mask", 0.8, wave(shape), half(shape)),)),
    "guide blur": Change(lambda shape: (Guide("blur", 0.6, wave(shape), sigma=1.5),)),
    "guide downsample": Change(lambda shape: (_coarse(shape),)),
    "guide brightness": Change(lambda shape: (Guide("brightness", 2.0),)),
    "guide smoothness": Change(lambda shape: (Guide("smoothness", 0.1),)),
    "three": Change(
        lambda shape: (
            Inpaint(half(shape), wave(shape), 2),
            Resample(0.4, Uncertain(0.5)),
            Guide("smoothness", 0.05),
        )
    ),
    "label": Change(fields={"label": 5}),
    "guidance": Change(fields={"guidance": 2.5}),
    "steps": Change(fields={"steps": 9}),
    "seed": Change(lambda shape: (Resample(0.3),), {"seed": 11}),
    "method": Change(fields={"method": "rk4", "tolerance": None}),
}
"""By name."""

RELABELLED = ("label", "guidance")
"""Those that need a condition."""
