"""The operations of edit requests, as JSON.

``read`` returns the operation, and raises an InvalidFieldError that names a field below ``field``
which the model cannot serve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sureflow.core.card import ModelCard
from sureflow.core.condition import MAX_ARRAYS
from sureflow.core.json_array import JsonArray, read_array, read_mask
from sureflow.core.lane import Array
from sureflow.core.schema import AtMost, InvalidFieldError, Name, Number, Schema
from sureflow.families.annealed.operations import MAX_STIFFNESS, Guide, Hold, Mask, Resample

Parent = Callable[[], Array]
"""Reads the sample that is edited."""


def _mask(written: Any, card: ModelCard, field: str) -> Mask:
    mask = read_mask(written, card.state_shape, field)
    if not mask.any():
        raise InvalidFieldError(field, "is above 0 nowhere")
    return mask


class DensityResampleOperation(Schema):
    """Temper anew, from a hotter temperature."""

    type: Literal["resample"]
    strength: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """Share of the ladder that is gone back; 1 begins from the reference."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Resample:
        """Return the operation."""
        return Resample(self.strength)


class DensityHoldOperation(Schema):
    """Hold components to known values, and sample the others given these."""

    type: Literal["hold"]
    mask: JsonArray
    """Above 0 where the values are known."""

    known: JsonArray | None = None
    """The values, of the shape of the sample; by default those of the sample itself."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Hold:
        """Return the operation."""
        mask, given = _mask(self.mask, card, f"{field}.mask"), self.known
        if mask.all():
            raise InvalidFieldError(f"{field}.mask", "holds all, which leaves nothing to sample")
        known = sample() if given is None else read_array(given, card.state_shape, f"{field}.known")
        return Hold(mask, known)


class DensityGuideOperation(Schema):
    """Restrain components: the log density loses `strength / 2 |x - target|^2`."""

    type: Literal["guide"]
    target: JsonArray
    """Where to, of the shape of the sample."""

    mask: JsonArray | None = None
    """Above 0 for what is restrained; by default everything."""

    strength: Annotated[Number, Field(gt=0, le=MAX_STIFFNESS)] = 1.0
    """Stiffness, in nats per squared data unit."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Guide:
        """Return the operation."""
        target = read_array(self.target, card.state_shape, f"{field}.target")
        every = np.ones(card.state_shape, np.bool_)
        mask = every if self.mask is None else _mask(self.mask, card, f"{field}.mask")
        return Guide(target, mask, self.strength)


class DensityConditionOperation(Schema):
    """Other parameters of the target from here on; those left out stay as they are."""

    type: Literal["condition"]
    arrays: Annotated[dict[Name, JsonArray], AtMost(MAX_ARRAYS)]
    """By name, such as `temperature`."""


OPERATION_BODIES: dict[str, type[Schema]] = {
    "resample": DensityResampleOperation,
    "hold": DensityHoldOperation,
    "guide": DensityGuideOperation,
    "condition": DensityConditionOperation,
}
"""By their ``type``."""
