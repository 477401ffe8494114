"""The operations of edit requests, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from sureflow.core.condition import Label
from sureflow.core.json_array import JsonArray
from sureflow.core.schema import Integer, Number, Schema
from sureflow.families.flow.operations import MAX_INNER
from sureflow.families.flow.options import MAX_GUIDANCE


class UncertainRegion(Schema):
    """The least sure components."""

    uncertain: Annotated[Number, Field(gt=0, le=1)]
    """Their share of all, by the variance at the step of the edit."""


class MaskRegion(Schema):
    """Chosen components."""

    mask: JsonArray
    """Numbers, above 0 where the operation applies: nested lists, or a `.npy` or `.png` file in
    base64, of the shape of the sample. The mask of an image may leave out the channels."""


def _kind(region: object) -> str:
    if not isinstance(region, dict):
        return "(name)"
    return "(mask)" if "mask" in region else "(uncertain)"


Region = Annotated[
    Annotated[Literal["all"], Tag("(name)")]
    | Annotated[UncertainRegion, Tag("(uncertain)")]
    | Annotated[MaskRegion, Tag("(mask)")],
    Discriminator(_kind),
]
"""Told apart by their form, so that an error message is about the one that was meant."""


class ResampleOperation(Schema):
    """Draw the noise in the state anew: at `t = 0` another sample, later a variation."""

    type: Literal["resample"]
    strength: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """1 draws all of the noise anew; less keeps some of it. The variance is kept either way."""

    region: Region = "all"


class ConditionOperation(Schema):
    """Another class, or another guidance, from here on."""

    type: Literal["condition"]
    label: Label | None = None
    """Number or name of a class; by default as before."""

    arrays: dict[str, JsonArray] | None = None
    """Other named arrays, of models that take any; those that are left out are as before."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] | None = None
    """Of classifier-free guidance; by default as before."""


class InpaintOperation(Schema):
    """Hold a part to known values and let the flow make the rest."""

    type: Literal["inpaint"]
    mask: JsonArray
    """Above 0 where the values are known; see `region.mask` of `resample`."""

    known: JsonArray | None = None
    """The values, of the shape of the sample; by default those of the sample itself."""

    inner: Annotated[Integer, Field(ge=1, le=MAX_INNER)] = 1
    """Times that each step is made, with fresh noise in between: more is closer to the conditional
    law, for as many times the evaluations."""


class GuideOperation(Schema):
    """Pull the sample toward a measurement, or up a score that the server has been given."""

    type: Literal["guide"]
    operator: str = Field(max_length=64)
    """mask: some components are measured; downsample: means of blocks of pixels; blur: a Gaussian
    blur; or the name of a registered score."""

    target: JsonArray | None = None
    """The measurement, of the shape that the operator gives; none for a score."""

    strength: Annotated[Number, Field(gt=0, le=1000)] = 1.0
    """Share of the way to the measurement at every evaluation; for a score, data units squared per
    unit of it."""

    mask: JsonArray | None = None
    """Of mask: above 0 where measured."""

    factor: Annotated[Integer, Field(ge=2, le=64)] = 2
    """Of downsample: pixels of a block in either direction."""

    sigma: Annotated[Number, Field(gt=0, le=64)] = 1.0
    """Of blur: its width, in pixels."""


OPERATION_BODIES: dict[str, type[Schema]] = {
    "resample": ResampleOperation,
    "condition": ConditionOperation,
    "inpaint": InpaintOperation,
    "guide": GuideOperation,
}
"""By their ``type``."""
