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
        prompt: Name and text of another condition that a model makes of a text; ``None`` keeps it.
        regions: Whether noise can be drawn anew in a part alone.
        by_mask: Whether the least sure part is said by a mask, and not by its share.
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
    prompt: tuple[str, str] | None = None
    regions: bool = True
    by_mask: bool = False
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
    nothing = choice.label is None and choice.prompt is None and choice.scale is None
    if choice.kind == "condition" and nothing:
        raise ValueError("Choose another condition or another guidance.")
    if choice.branches > 1 and not choice.fresh and choice.other is None:
        raise ValueError("With a resample strength of 0 all branches are the same: ask for one.")
    wanted: list[OperationLike] = []
    if choice.fresh:
        wanted.append(_drawn(choice))
    if choice.mask is not None and choice.kind in ("inpaint", "condition"):
        wanted.append(Inpaint(~choice.mask))
    if choice.label is not None or choice.scale is not None or choice.prompt is not None:
        arrays = None if choice.prompt is None else dict([choice.prompt])
        wanted.append(Condition(choice.label, choice.scale, arrays))
    if choice.kind == "guide" and choice.target is not None:
        wanted.append(_pull(choice.target, choice))
    if choice.other is not None:
        wanted.append({"type": choice.kind, **choice.other})
    return wanted


def _drawn(choice: Choice) -> OperationLike:
    """Draw the noise anew, in a part or everywhere."""
    if not choice.regions:
        return {"type": "resample", "strength": choice.fresh}
    by_share = choice.where == "unsure" and not choice.by_mask
    region = Uncertain(choice.share) if by_share else choice.mask
    return Resample(choice.fresh, "all" if region is None else region)


def _pull(target: Floats, choice: Choice) -> Guide:
    """Pull toward the coarse shape of an image, or toward a point."""
    if target.ndim == 3:
        coarse = blocks(target, choice.factor)
        return Guide("downsample", coarse, choice.pull, factor=choice.factor)
    return Guide("mask", target, choice.pull, mask=np.ones(target.shape))


def blocks(image: Floats, factor: int) -> Floats:
    """Return the means of blocks of pixels, ``[channels, height / factor, width / factor]``."""
    channels, height, width = image.shape
    parts = image.reshape(channels, height // factor, factor, width // factor, factor)
    means: Floats = parts.mean(axis=(2, 4), dtype=np.float32)
    return means


def factors(height: int, width: int) -> list[int]:
    """Return the sizes of blocks that an image can be divided into, from 2 to 8."""
    return [size for size in range(2, 9) if height % size == 0 and width % size == 0]
