"""The operations of edits of crystals, as JSON. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag

from sureflow.core.card import ModelCard
from sureflow.core.cell import numbers_of
from sureflow.core.crystal import CELL
from sureflow.core.json_array import JsonArray, read_array, read_mask
from sureflow.core.lane import Array
from sureflow.core.schema import AtMost, Flag, Integer, InvalidFieldError, Name, Number, Schema
from sureflow.families.crystals.operations import GuideDown
from sureflow.families.flow.operation_bodies import ConditionOperation, UncertainRegion
from sureflow.families.flow.operations import Inpaint, Mask, Resample, Uncertain

MAX_SITES = 1024

Site = Annotated[Integer, Field(ge=0, lt=MAX_SITES)]
Sites = Annotated[tuple[Site, ...], AtMost(MAX_SITES), Field(min_length=1)]


class SitesRegion(Schema):
    """The coordinates of chosen atoms."""

    sites: Sites
    """Their numbers, from 0."""


class MaskRegion(Schema):
    """Chosen numbers of the state."""

    mask: JsonArray
    """Above 0 where the operation applies, `[2 + n, 3]`: two rows of the six numbers of the cell,
    then the coordinates of each atom."""


def _kind(region: object) -> str:
    if not isinstance(region, dict):
        return "(name)"
    return next((f"({name})" for name in ("mask", "sites") if name in region), "(uncertain)")


Region = Annotated[
    Annotated[Literal["all", "cell", "atoms"], Tag("(name)")]
    | Annotated[SitesRegion, Tag("(sites)")]
    | Annotated[UncertainRegion, Tag("(uncertain)")]
    | Annotated[MaskRegion, Tag("(mask)")],
    Discriminator(_kind),
]


class ResampleCrystal(Schema):
    """Draw the noise in the state anew: at `t = 0` another crystal, later a variation."""

    type: Literal["resample"]
    strength: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """1 draws all of the noise anew; less keeps some of it. Its law is kept either way."""

    region: Region = "all"
    """The whole crystal, its cell, its atoms, some of them, or what is least sure."""

    def read(self, card: ModelCard, sample: Callable[[], Array], field: str) -> Resample:
        """Return the operation."""
        region, place = self.region, f"{field}.region"
        if isinstance(region, UncertainRegion):
            return Resample(self.strength, Uncertain(region.uncertain))
        if isinstance(region, MaskRegion):
            mask = read_mask(region.mask, card.state_shape, f"{place}.mask")
            if not mask.any():
                raise InvalidFieldError(f"{place}.mask", "is above 0 nowhere")
            return Resample(self.strength, mask)
        if isinstance(region, SitesRegion):
            return Resample(self.strength, _mask(card, False, region.sites, f"{place}.sites"))
        if region == "all":
            return Resample(self.strength)
        atoms = range(card.state_shape[0] - CELL) if region == "atoms" else ()
        return Resample(self.strength, _mask(card, region == "cell", atoms, place))


class HoldCrystal(Schema):
    """Hold a part of the crystal, and let the flow make the rest."""

    type: Literal["hold"]
    cell: Flag = False
    """Hold the cell as it is in the sample."""

    lattice: JsonArray | None = None
    """Hold the cell to these lattice vectors, three rows in angstrom; turned, they are the same."""

    sites: Sites | None = None
    """Atoms whose coordinates are held to those of the sample, but for a movement of all atoms."""

    def read(self, card: ModelCard, sample: Callable[[], Array], field: str) -> Inpaint:
        """Return the operation."""
        held = self.cell or self.lattice is not None
        if not held and self.sites is None:
            raise InvalidFieldError(field, "holds nothing; give cell, lattice or sites")
        known = np.array(sample(), np.float32)
        if self.lattice is not None:
            place = f"{field}.lattice"
            vectors = read_array(self.lattice, (3, 3), place).astype(np.float64)
            try:
                known[:CELL] = numbers_of(vectors).reshape(CELL, 3)
            except ValueError as error:
                raise InvalidFieldError(place, str(error)) from None
        return Inpaint(_mask(card, held, self.sites or (), f"{field}.sites"), known)


class GuideCrystal(Schema):
    """Pull the crystal down an energy."""

    type: Literal["guide"]
    operator: Annotated[Name, Field(max_length=64)]
    """`repulsion`: atoms nearer than three quarters of the sum of their radii repel each other; or
    the name of an energy that the server has been given."""

    strength: Annotated[Number, Field(gt=0, le=1000)] = 1.0
    """How far to go at every evaluation, times the gradient: squares of the state's numbers per
    unit of the energy."""

    def read(self, card: ModelCard, sample: Callable[[], Array], field: str) -> GuideDown:
        """Return the operation; the worker, which knows the energies, checks its name."""
        return GuideDown(self.operator, self.strength)


OPERATION_BODIES: dict[str, type[Schema]] = {
    "resample": ResampleCrystal,
    "condition": ConditionOperation,
    "hold": HoldCrystal,
    "guide": GuideCrystal,
}
"""By their ``type``."""


def _mask(card: ModelCard, cell: bool, sites: Sequence[Any], field: str) -> Mask:
    """The mask of a cell and of some atoms, ``[*state_shape]``."""
    mask = np.zeros(card.state_shape, np.bool_)
    mask[:CELL] = cell
    for site in sites:
        if site >= card.state_shape[0] - CELL:
            count = card.state_shape[0] - CELL
            raise InvalidFieldError(field, f"no atom {site}; they are 0 to {count - 1}")
        mask[CELL + site] = True
    return mask
