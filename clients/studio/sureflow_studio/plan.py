"""What is done to a trajectory, from what was chosen on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sureflow_client import Condition, Guide, Inpaint, Operation, Resample, Uncertain

from .pictures import Floats, Mask

Kind = Literal["resample", "condition", "inpaint", "guide"]
Where = Literal["all", "unsure", "painted"]


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        kind: The operation.
        where: The part that is to change.
        mask: That part, true where it may change; ``None`` for all.
        share: Of components, where it is the unsure part.
        strength: Of redrawing, or of the pull.
        label: Another class; ``None`` keeps it.
        scale: Of guidance from there on; ``None`` keeps it.
        factor: Of a coarse shape that is kept, in pixels.
        target: Of a pull: the finished sample for an image, a point for a vector.
    """

    kind: Kind
    where: Where = "all"
    mask: Mask | None = None
    share: float = 0.2
    strength: float = 1.0
    label: str | None = None
    scale: float | None = None
    factor: int = 4
    target: Floats | None = None


def operations(choice: Choice) -> list[Operation]:
    """Return the operations that do what was chosen.

    Raises:
        ValueError: There is nothing to hold, or nothing to change.
    """
    if choice.where == "painted" and (choice.mask is None or not choice.mask.any()):
        raise ValueError("Paint the part that is to change.")
    if choice.kind == "resample":
        return [Resample(choice.strength, _region(choice))]
    if choice.kind == "inpaint":
        if choice.mask is None:
            raise ValueError("Say which part is to change; the rest is held as it is.")
        return [Inpaint(~choice.mask)]
    if choice.kind == "condition":
        if choice.label is None and choice.scale is None:
            raise ValueError("Choose another class or another guidance.")
        held: list[Operation] = [] if choice.mask is None else [Inpaint(~choice.mask)]
        return [*held, Condition(choice.label, choice.scale)]
    return _pull(choice)


def _region(choice: Choice) -> Literal["all"] | Uncertain | Mask:
    if choice.where == "unsure":
        return Uncertain(choice.share)
    return "all" if choice.mask is None else choice.mask


def _pull(choice: Choice) -> list[Operation]:
    """Pull toward the coarse shape of an image, or toward a point."""
    target = choice.target
    assert target is not None
    if target.ndim == 3:
        coarse = blocks(target, choice.factor)
        pull = Guide("downsample", coarse, choice.strength, factor=choice.factor)
    else:
        pull = Guide("mask", target, choice.strength, mask=np.ones(target.shape))
    changed = choice.label is not None or choice.scale is not None
    return [Condition(choice.label, choice.scale), pull] if changed else [pull]


def blocks(image: Floats, factor: int) -> Floats:
    """Return the means of blocks of pixels, ``[channels, height / factor, width / factor]``."""
    channels, height, width = image.shape
    parts = image.reshape(channels, height // factor, factor, width // factor, factor)
    means: Floats = parts.mean(axis=(2, 4), dtype=np.float32)
    return means


def factors(height: int, width: int) -> list[int]:
    """Return the sizes of blocks that an image can be divided into, from 2 to 8."""
    return [size for size in range(2, 9) if height % size == 0 and width % size == 0]
