"""The sampler options of a request for crystals. Free of torch."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from sureflow.core.schema import Integer
from sureflow.families.crystals.spec import CrystalSpec
from sureflow.families.flow.options import SamplerOptions

MAX_UNITS = 64


class CrystalOptions(SamplerOptions):
    """How the flow is integrated from noise (t = 0) to a crystal (t = 1).

    By `steps` on a fixed grid, or by `tolerance` with steps that every sample chooses for itself.
    `size` is the number of atoms, which a composition determines.
    """

    spec: ClassVar[type[CrystalSpec]] = CrystalSpec

    units: Annotated[Integer, Field(ge=1, le=MAX_UNITS)] | None = None
    """Formula units in the cell, by default 1; for a composition that is a formula."""
