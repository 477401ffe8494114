"""What is done to a trajectory, from what was chosen on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sureflow_client import Condition, Guide, Inpaint, OperationLike, Resample, Uncertain

from .pictures import Floats, Mask

Where = Literal["all", "unsure", "painted"]


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        kind: Type of the operation.
        where: The part that is to change.
        mask: That part, true where it may change; ``None`` for all.
        share: Of components, where it is the unsure part.
        fresh: Strength of drawing the noise anew in that part; 0 draws none.
        pull: Strength of the pull.
        branches: How many are wanted.
        label: Another class; ``None`` keeps it.
        scale: Of guidance from there on; ``None`` keeps it.
        factor: Of a coarse shape that is kept, in pixels.
        target: Of a pull: the finished sample for an image, a point for a vector.
        other: Members of an operation that the page has no tools for.
    """

    kind: str
    where: Where = "all"
    mask: Mask | None = None
    share: float = 0.2
    fresh: float = 1.0
    pull: float = 1.0
    branches: int = 1
    label: str | None = None
    scale: float | None = None
    factor: int = 4
    target: Floats | None = None
    other: Mapping[str, Any] | None = None


def operations(choice: Choice) -> list[OperationLike]:
    """Return the operations that do what was chosen.

    Raises:
        ValueError: There is nothing to change, or all branches would be the same.
    """
    if choice.where == "painted" and (choice.mask is None or not choice.mask.any()):
        raise ValueError("Paint the part that is to change.")
    if choice.kind == "inpaint" and choice.mask is None:
        raise ValueError("Say which part is to change; the rest is held as it is.")
    if choice.kind == "condition" and choice.label is None and choice.scale is None:
        raise ValueError("Choose another class or another guidance.")
    if choice.branches > 1 and not choice.fresh:
        raise ValueError("With no noise drawn anew all branches are the same: ask for one.")
    other = [] if choice.other is None else [{"type": choice.kind, **choice.other}]
    return [*_drawn(choice), *_held(choice), *_changed(choice), *_pulled(choice), *other]


def _drawn(choice: Choice) -> list[OperationLike]:
    region: Literal["all"] | Uncertain | Mask = "all"
    if choice.where == "unsure":
        region = Uncertain(choice.share)
    elif choice.mask is not None:
        region = choice.mask
    return [Resample(choice.fresh, region)] if choice.fresh else []


def _held(choice: Choice) -> list[OperationLike]:
    """Hold the rest, but where it is drawn anew and left to go as it will."""
    if choice.mask is None or choice.kind not in ("inpaint", "condition"):
        return []
    return [Inpaint(~choice.mask)]


def _changed(choice: Choice) -> list[OperationLike]:
    if choice.label is None and choice.scale is None:
        return []
    return [Condition(choice.label, choice.scale)]


def _pulled(choice: Choice) -> list[OperationLike]:
    """Pull toward the coarse shape of an image, or toward a point."""
    if choice.kind != "guide":
        return []
    target = choice.target
    assert target is not None
    if target.ndim == 3:
        coarse = blocks(target, choice.factor)
        return [Guide("downsample", coarse, choice.pull, factor=choice.factor)]
    return [Guide("mask", target, choice.pull, mask=np.ones(target.shape))]


def blocks(image: Floats, factor: int) -> Floats:
    """Return the means of blocks of pixels, ``[channels, height / factor, width / factor]``."""
    channels, height, width = image.shape
    parts = image.reshape(channels, height // factor, factor, width // factor, factor)
    means: Floats = parts.mean(axis=(2, 4), dtype=np.float32)
    return means


def factors(height: int, width: int) -> list[int]:
    """Return the sizes of blocks that an image can be divided into, from 2 to 8."""
    return [size for size in range(2, 9) if height % size == 0 and width % size == 0]
