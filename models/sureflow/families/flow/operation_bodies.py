"""The operations of edit requests, as JSON.

``read`` returns the operation, and raises an InvalidFieldError that names a field below ``field``
which the model cannot serve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from sureflow.core.card import ModelCard
from sureflow.core.condition import MAX_ARRAYS, ConditionOptions, Label
from sureflow.core.json_array import JsonArray
from sureflow.core.lane import Array
from sureflow.core.schema import AtMost, Integer, InvalidFieldError, Name, Number, Schema
from sureflow.families.flow.operations import MAX_INNER, Guide, Inpaint, Mask, Resample, Uncertain
from sureflow.families.flow.options import MAX_GUIDANCE
from sureflow.families.flow.state_arrays import read_given, read_state, read_state_mask

Parent = Callable[[], Array]
"""Reads the sample that is edited."""


def _mask(written: Any, card: ModelCard, field: str, *, whole: bool = False) -> Mask:
    """A mask of the state, which is true somewhere; see :func:`read_state_mask`."""
    mask = read_state_mask(written, card, field, whole=whole)
    if not mask.any():
        raise InvalidFieldError(field, "is above 0 nowhere")
    return mask


class UncertainRegion(Schema):
    """The least sure components."""

    uncertain: Annotated[Number, Field(gt=0, le=1)]
    """Their share of all, by the variance at the step of the edit."""


class MaskRegion(Schema):
    """Chosen components."""

    mask: JsonArray
    """Numbers, above 0 where the operation applies: nested lists, or a `.npy` or `.png` file in
    base64, of the shape of the sample. The mask of an image may leave out the channels. Where
    samples are decoded, it may have the size of the latent, or that of the image: a component of
    the latent is in the region if any of its pixels is, and is known if all of them are."""


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

    def read(self, card: ModelCard, sample: Parent, field: str) -> Resample:
        """Return the operation."""
        if isinstance(self.region, UncertainRegion):
            return Resample(self.strength, Uncertain(self.region.uncertain))
        if isinstance(self.region, MaskRegion):
            return Resample(self.strength, _mask(self.region.mask, card, f"{field}.region.mask"))
        return Resample(self.strength)


class ConditionOperation(Schema):
    """Another class, or another guidance, from here on."""

    type: Literal["condition"]
    label: Label | None = None
    """Number or name of a class; by default as before."""

    arrays: Annotated[dict[Name, JsonArray], AtMost(MAX_ARRAYS)] | None = None
    """Other named arrays, of models that take any; those that are left out are as before."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] | None = None
    """Of classifier-free guidance; by default as before."""

    negative: ConditionOptions | None = None
    """Another condition for guidance to lead away from; by default as before."""


class InpaintOperation(Schema):
    """Hold a part to known values and let the flow make the rest."""

    type: Literal["inpaint"]
    mask: JsonArray
    """Above 0 where the values are known; see `region.mask` of `resample`."""

    known: JsonArray | None = None
    """The values, of the shape of the sample; by default those of the sample itself. Where samples
    are decoded, those of a latent; a sample too if the model has a `sample_encoder`, which encodes
    it as a whole."""

    inner: Annotated[Integer, Field(ge=1, le=MAX_INNER)] = 1
    """Times that each step is made, with fresh noise in between: more is closer to the conditional
    law, for as many times the evaluations."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Inpaint:
        """Return the operation."""
        mask = _mask(self.mask, card, f"{field}.mask", whole=True)
        given = self.known
        known = sample() if given is None else read_given(card, given, f"{field}.known")
        return Inpaint(mask, known, self.inner)


class GuideOperation(Schema):
    """Pull the sample toward a measurement, or up a score that the server has been given."""

    type: Literal["guide"]
    operator: Annotated[Name, Field(max_length=64)]
    """mask: some components are measured; downsample: means of blocks of pixels; blur: a Gaussian
    blur; or the name of a registered score."""

    target: JsonArray | None = None
    """The measurement, of the shape that the operator gives, of the latent where samples are
    decoded; none for a score. For mask also a sample, if the model has a `sample_encoder`."""

    strength: Annotated[Number, Field(gt=0, le=1000)] = 1.0
    """Share of the way to the measurement at every evaluation; for a score, data units squared per
    unit of it."""

    mask: JsonArray | None = None
    """Of mask: above 0 where measured."""

    factor: Annotated[Integer, Field(ge=2, le=64)] = 2
    """Of downsample: pixels of a block in either direction."""

    sigma: Annotated[Number, Field(gt=0, le=64)] = 1.0
    """Of blur: its width, in pixels."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Guide:
        """Return the operation; the worker, which knows the operators, checks its other fields."""
        guide = Guide(self.operator, self.strength, factor=self.factor, sigma=self.sigma)
        try:
            shape = guide.measured(card.state_shape)
        except ValueError as error:
            message = str(error).removeprefix("factor: ")
            raise InvalidFieldError(f"{field}.factor", message) from error
        target = None
        if self.target is not None:
            whole = self.operator == "mask"
            place = f"{field}.target"
            target = (
                read_given(card, self.target, place)
                if whole
                else read_state(self.target, card, place, shape)
            )
        mask = None
        if self.mask is not None:
            mask = _mask(self.mask, card, f"{field}.mask", whole=True)
        return replace(guide, target=target, mask=mask)


OPERATION_BODIES: dict[str, type[Schema]] = {
    "resample": ResampleOperation,
    "condition": ConditionOperation,
    "inpaint": InpaintOperation,
    "guide": GuideOperation,
}
"""By their ``type``."""
