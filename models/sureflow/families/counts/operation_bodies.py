"""The operations of edit requests, as JSON. Free of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from sureflow.core.card import ModelCard
from sureflow.core.condition import Label
from sureflow.core.json_array import JsonArray, read_mask
from sureflow.core.lane import Array
from sureflow.core.schema import AtMost, Integer, InvalidFieldError, Number, Schema
from sureflow.families.counts.operations import Hold, Mask, Resample
from sureflow.families.counts.spec import MAX_GUIDANCE

Parent = Callable[[], Array]
"""Reads the sample that is edited."""

MAX_NAMES = 1 << 14

Component = Annotated[str, Field(min_length=1, max_length=200)]
MOST = 1_000_000
"""Largest count that can be asked for; the model may know smaller ones alone."""

Held = Annotated[Integer, Field(ge=0, le=MOST)]


class MaskedCounts(Schema):
    """Chosen components."""

    mask: JsonArray
    """Numbers, above 0 where the operation applies, of the shape of the sample."""


class NamedCounts(Schema):
    """Components by name."""

    components: Annotated[list[Component], Field(min_length=1, max_length=MAX_NAMES)]
    """Names of the model's card."""


def _kind(region: object) -> str:
    if not isinstance(region, dict):
        return "(name)"
    return "(components)" if "components" in region else "(mask)"


Region = Annotated[
    Annotated[Literal["all"], Tag("(name)")]
    | Annotated[MaskedCounts, Tag("(mask)")]
    | Annotated[NamedCounts, Tag("(components)")],
    Discriminator(_kind),
]


class CountResampleOperation(Schema):
    """Thin the counts, and draw them anew from here on."""

    type: Literal["resample"]
    strength: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """Share of the counts that is thrown away; as much of fresh source is added."""

    region: Region = "all"
    """Which components: all, those of a mask, or by name."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Resample:
        """Return the operation."""
        if isinstance(self.region, MaskedCounts):
            mask = _mask(self.region.mask, card, f"{field}.region.mask")
            return Resample(self.strength, mask)
        if isinstance(self.region, NamedCounts):
            names = self.region.components
            return Resample(self.strength, _named(names, card, f"{field}.region.components"))
        return Resample(self.strength)


class CountHoldOperation(Schema):
    """Hold some components: to counts by name, or to those of the sample itself by a mask."""

    type: Literal["hold"]
    counts: Annotated[dict[Component, Held], AtMost(MAX_NAMES)] | None = None
    """Counts by the name of the component."""

    mask: JsonArray | None = None
    """Numbers, above 0 where the counts of the sample are held."""

    def read(self, card: ModelCard, sample: Parent, field: str) -> Hold:
        """Return the operation."""
        if (self.counts is None) == (self.mask is None):
            raise InvalidFieldError(f"{field}.counts", "give counts or a mask, not both")
        if self.mask is not None:
            return Hold(_mask(self.mask, card, f"{field}.mask"), sample().astype(np.float32))
        counts = self.counts or {}
        mask = _named([*counts], card, f"{field}.counts")
        known = np.zeros(card.shape, np.float32)
        places = _places(card)
        known[[places[name] for name in counts]] = [*counts.values()]
        return Hold(mask, known)


class CountConditionOperation(Schema):
    """Another class, or another guidance, from here on."""

    type: Literal["condition"]
    label: Label | None = None
    """The class; by default as before."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] | None = None
    """Of classifier-free guidance; by default as before."""


def _mask(written: Any, card: ModelCard, field: str) -> Mask:
    mask = read_mask(written, card.shape, field)
    if not mask.any():
        raise InvalidFieldError(field, "is above 0 nowhere")
    return mask


def _named(names: list[str], card: ModelCard, field: str) -> Mask:
    places, mask = _places(card), np.zeros(card.shape, np.bool_)
    for name in names:
        if name not in places:
            raise InvalidFieldError(field, f"{card.name} has no component {name!r}")
        mask[places[name]] = True
    if not mask.any():
        raise InvalidFieldError(field, "names no component")
    return mask


def _places(card: ModelCard) -> dict[str, int]:
    """Where each component is, by its name."""
    return {name: place for place, name in enumerate(card.components)}


OPERATION_BODIES: dict[str, type[Schema]] = {
    "resample": CountResampleOperation,
    "hold": CountHoldOperation,
    "condition": CountConditionOperation,
}
"""By their ``type``."""
