"""What can be done to a trajectory where it is taken up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ._encode import Given, encode_array, encode_arrays, encode_mask


@dataclass(frozen=True)
class Uncertain:
    """The least sure components, by the variance where the trajectory is taken up.

    Attributes:
        share: Their share of all, ``0 < share <= 1``.
    """

    share: float


Region = Literal["all"] | Uncertain | Given
"""Everything, the least sure part, or a mask: true (above 0) where the operation applies, of the
shape of a sample; that of an image may leave out the channels."""


class Operation:
    """One that flows have: a dataclass of its members, by whose name in lower case it goes."""

    def body(self) -> dict[str, Any]:
        """Return it as the request has it."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        encoded = {name: ENCODERS[name](said[name]) for name in said.keys() & ENCODERS.keys()}
        return {"type": type(self).__name__.lower(), **said, **encoded}


OperationLike = Operation | Mapping[str, Any]
"""An operation, or the JSON object of any that is among ``Model.operations``."""


@dataclass(frozen=True, eq=False)
class Resample(Operation):
    """Draw the noise in the state anew: at ``t = 0`` another sample, later a variation.

    Attributes:
        strength: In (0, 1]: 1 draws all of the noise anew, less keeps some of it.
        region: Where.
    """

    strength: float = 1.0
    region: Region = "all"


@dataclass(frozen=True)
class Condition(Operation):
    """Another class, other named arrays, or another guidance, from here on.

    Attributes:
        label: Number or name of a class; by default as before.
        scale: Of classifier-free guidance; by default as before.
        arrays: Named arrays, or texts, of those of ``Model.conditions``; the others are as before.
        negative: Another condition for guidance to lead away from; by default as before.
    """

    label: int | str | None = None
    scale: float | None = None
    arrays: Mapping[str, Given] | None = None
    negative: Mapping[str, Given] | None = None


@dataclass(frozen=True, eq=False)
class Inpaint(Operation):
    """Hold a part to known values and let the flow make the rest.

    Attributes:
        mask: True (above 0) where the values are known; see `Region`.
        known: The values, of the shape of a sample; by default those of the sample itself.
        inner: Times that each step is made, with fresh noise in between: more is closer to the
            conditional law, for as many times the evaluations.
    """

    mask: Given
    known: Given | None = None
    inner: int = 1


@dataclass(frozen=True, eq=False)
class Guide(Operation):
    """Pull the sample toward a measurement, or up a score that the server has been given.

    Attributes:
        operator: ``mask`` (some components are measured), ``downsample`` (means of blocks of
            pixels), ``blur`` (a Gaussian blur), or the name of a registered score.
        target: The measurement, of the shape that the operator gives; none for a score.
        strength: Share of the way to the measurement at every evaluation; for a score, data units
            squared per unit of it.
        mask: Of ``mask``: true (above 0) where measured.
        factor: Of ``downsample``: pixels of a block in either direction.
        sigma: Of ``blur``: its width, in pixels.
    """

    operator: str
    target: Given | None = None
    strength: float = 1.0
    mask: Given | None = None
    factor: int = 2
    sigma: float = 1.0


def _encode_region(region: Region) -> str | dict[str, Any]:
    if isinstance(region, Uncertain):
        return {"uncertain": region.share}
    return region if isinstance(region, str) else {"mask": encode_mask(region)}


ENCODERS: dict[str, Callable[[Any], Any]] = {
    "region": _encode_region,
    "arrays": encode_arrays,
    "negative": encode_arrays,
    "mask": encode_mask,
    "known": encode_array,
    "target": encode_array,
}
"""How a request has the members that are neither numbers nor names."""
