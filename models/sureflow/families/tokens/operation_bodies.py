"""The operations of edit requests, as JSON. Free of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from sureflow.core.card import ModelCard
from sureflow.core.condition import MAX_ARRAYS
from sureflow.core.json_array import JsonArray, read_mask
from sureflow.core.lane import Array
from sureflow.core.schema import AtMost, InvalidFieldError, Name, Number, Schema
from sureflow.families.tokens.operations import MAX_BIAS, Guide, Hold, Mask, Resample, Uncertain
from sureflow.families.tokens.spec import MAX_GUIDANCE

HOLE = "_"
"""Stands for a token that is to be made, in the text of ``hold``."""

MAX_TEXT = 4096

Parent = Callable[[], Array]
"""Reads the sample that is edited."""


class LeastSureTokens(Schema):
    """The least sure tokens."""

    uncertain: Annotated[Number, Field(gt=0, le=1)]
    """Their share of those that are known, by the entropy at which they were drawn."""


class MaskedTokens(Schema):
    """Chosen tokens."""

    mask: JsonArray
    """Numbers, above 0 where the operation applies, of the shape of the sample."""


def _kind(region: object) -> str:
    if not isinstance(region, dict):
        return "(name)"
    return "(mask)" if "mask" in region else "(uncertain)"


Region = Annotated[
    Annotated[Literal["all"], Tag("(name)")]
    | Annotated[LeastSureTokens, Tag("(uncertain)")]
    | Annotated[MaskedTokens, Tag("(mask)")],
    Discriminator(_kind),
]


class TokenResampleOperation(Schema):
    """Draw tokens anew: all that come after this moment, and those of a region besides."""

    type: Literal["resample"]
    strength: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """Chance with which each token of the region is masked again."""

    region: Region = "all"
    """Which of the tokens known at this moment are masked again: `all` masks none, so that the rest
    is drawn anew from here; the least sure; or those of a mask."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Resample:
        """Return the operation."""
        if isinstance(self.region, LeastSureTokens):
            return Resample(self.strength, Uncertain(self.region.uncertain))
        if isinstance(self.region, MaskedTokens):
            return Resample(self.strength, _mask(self.region.mask, card, f"{field}.region.mask"))
        return Resample(self.strength)


class TokenHoldOperation(Schema):
    """Hold some tokens from here on; from `t = 0` the rest is completed around them.

    Either a `text`, or a `mask` of the sample itself.
    """

    type: Literal["hold"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    """The sequence, with `_` for every token that is to be made; what follows it is to be made
    too. So `CC(=O)N` is a prefix."""

    mask: JsonArray | None = None
    """Numbers, above 0 where the tokens of the sample are held."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Hold:
        """Return the operation; the worker, which knows the alphabet, checks the characters."""
        if (self.text is None) == (self.mask is None):
            raise InvalidFieldError(f"{field}.text", "give a text or a mask, not both")
        if self.mask is not None:
            return Hold(_mask(self.mask, card, f"{field}.mask"), sample().astype(np.float32))
        text = self.text or ""
        (length,) = card.shape
        if len(text) > length:
            message = f"has {len(text)} characters; {card.name} makes {length}"
            raise InvalidFieldError(f"{field}.text", message)
        known, mask = np.zeros(length, np.float32), np.zeros(length, np.bool_)
        known[: len(text)] = [*map(ord, text)]
        mask[: len(text)] = [character != HOLE for character in text]
        if not mask.any():
            raise InvalidFieldError(f"{field}.text", "holds nothing")
        return Hold(mask, np.where(mask, known, 0).astype(np.float32))


class TokenConditionOperation(Schema):
    """Another condition, or another guidance, from here on."""

    type: Literal["condition"]
    arrays: Annotated[dict[Name, JsonArray], AtMost(MAX_ARRAYS)] | None = None
    """Named arrays; those that are left out are as before."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] | None = None
    """Of classifier-free guidance; by default as before."""


Symbol = Annotated[str, Field(max_length=1)]
Bias = Annotated[Number, Field(ge=-MAX_BIAS, le=MAX_BIAS)]


class TokenGuideOperation(Schema):
    """Make some symbols more or less probable from here on."""

    type: Literal["guide"]
    bias: Annotated[dict[Symbol, Bias], AtMost(MAX_TEXT)]
    """By symbol, what is added to its logit, in nats; an empty name is the end of the sequence."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Guide:
        """Return the operation; the worker, which knows the alphabet, checks the symbols."""
        if not self.bias:
            raise InvalidFieldError(f"{field}.bias", "names no symbol")
        codes = [ord(symbol) if symbol else 0 for symbol in self.bias]
        return Guide(np.array(codes, np.float32), np.array([*self.bias.values()], np.float32))


def _mask(written: Any, card: ModelCard, field: str) -> Mask:
    mask = read_mask(written, card.shape, field)
    if not mask.any():
        raise InvalidFieldError(field, "is above 0 nowhere")
    return mask


OPERATION_BODIES: dict[str, type[Schema]] = {
    "resample": TokenResampleOperation,
    "hold": TokenHoldOperation,
    "condition": TokenConditionOperation,
    "guide": TokenGuideOperation,
}
"""By their ``type``."""
