"""What stays as it is of lanes from tick to tick."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.families.flow.tableau import COEFFICIENTS


class Owner(Protocol):
    """The lanes, as far as their traits depend on them."""

    method: Integers
    tolerance: Floats
    guidance: npt.NDArray[np.float32]

    def index(self, slots: Slots) -> Index:
        """Slots as an index on the device."""
        ...


class Traits:
    """Facts on some lanes, each with an entry per lane, that change only with a lane's spec.

    Each is worked out when it is first asked for. Lanes that run together are asked for the same at
    every tick, which takes longer than a small network.

    Args:
        lanes: All lanes.
        slots: Some of them, ``[n]``.
    """

    def __init__(self, lanes: Owner, slots: Slots) -> None:
        self._lanes, self.slots = lanes, slots

    @cached_property
    def where(self) -> Index:
        """The lanes as an index on the device."""
        return self._lanes.index(self.slots)

    @cached_property
    def part(self) -> Slots | slice:
        """The lanes as an index into arrays in host memory; of neighbours a slice, so a view."""
        return self.where if isinstance(self.where, slice) else self.slots

    @cached_property
    def method(self) -> Integers:
        """Index into :data:`~sureflow.families.flow.tableau.METHODS`."""
        found: Integers = self._lanes.method[self.slots]
        return found

    @cached_property
    def guidance(self) -> npt.NDArray[np.float32]:
        """Guidance scale."""
        return self._lanes.guidance[self.slots]

    @cached_property
    def guided(self) -> Flags:
        """Whether that is another one than 1."""
        found: Flags = self.guidance != 1
        return found

    @cached_property
    def guided_places(self) -> Integers:
        """The places of those lanes among these, ascending."""
        found: Integers = self.guided.nonzero()[0]
        return found

    @cached_property
    def adaptive(self) -> Flags:
        """Whether the lane has a tolerance."""
        found: Flags = self._lanes.tolerance[self.slots] > 0
        return found

    @cached_property
    def some_adaptive(self) -> bool:
        """Whether any has."""
        return bool(np.count_nonzero(self.adaptive))

    @cached_property
    def multistep(self) -> Flags:
        """Whether the lane's method uses earlier steps."""
        found: Flags = COEFFICIENTS.multistep[self.method]
        return found

    @cached_property
    def exponential(self) -> Flags:
        """Whether the method extrapolates the expected data."""
        found: Flags = COEFFICIENTS.exponential[self.method]
        return found

    @cached_property
    def some_exponential(self) -> bool:
        """Whether any does."""
        return bool(np.count_nonzero(self.exponential))

    @cached_property
    def some_multistep(self) -> bool:
        """Whether any does."""
        return bool(np.count_nonzero(self.multistep))

    @cached_property
    def b(self) -> Floats:
        """Weights of the stages, as shares of the step, ``[n, STAGES]``."""
        found: Floats = COEFFICIENTS.b[self.method]
        return found

    @cached_property
    def plain_stages(self) -> Integers:
        """Stages of a step without an error estimate, and without earlier steps."""
        found: Integers = COEFFICIENTS.plain_stages[self.method]
        return found
