"""The fields of lanes: named arrays with an entry per slot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Integers

Array: TypeAlias = Tensor | npt.NDArray[Any]
Kept: TypeAlias = bool | Callable[[int], bool]
"""Whether frames include a field; where it depends on the lane, a function of its slot."""

Space = Literal["real", "torus", "counts", "tokens", "mask"]

DTYPES = {"f4": torch.float32, "f8": torch.float64, "i8": torch.int64, "b1": torch.bool}


@dataclass(frozen=True, slots=True)
class Field:
    """One named array of a lane.

    Attributes:
        shape: Shape for one lane.
        dtype: ``f4``, ``f8``, ``i8`` or ``b1``.
        space: Space of its values, such as a torus for fractional coordinates.
        kept: Whether frames include it. A field without meaning between two steps is left out.
        history: Whether it has an entry per step; a frame has the entries of the completed steps.
    """

    shape: tuple[int, ...] = ()
    dtype: str = "f4"
    space: Space = "real"
    kept: Kept = True
    history: bool = False

    def kept_of(self, slot: int) -> bool:
        """Whether a frame of the lane in this slot includes it."""
        return self.kept if isinstance(self.kept, bool) else self.kept(slot)


class Fields(ABC):
    """Adds fields with an entry for each of ``capacity`` slots; all are zero at first."""

    def __init__(self, capacity: int, device: torch.device) -> None:
        self.capacity, self.device = capacity, device

    @abstractmethod
    def add(self, name: str, field: Field, array: Array) -> None:
        """Add a field with an existing array ``[capacity, *shape]``, maybe a view of another."""

    def tensor(
        self, name: str, *shape: int, dtype: str = "f4", space: Space = "real", kept: Kept = True
    ) -> Tensor:
        """Add an array on the device, ``[capacity, *shape]``."""
        array = torch.zeros(self.capacity, *shape, dtype=DTYPES[dtype], device=self.device)
        self.add(name, Field(shape, dtype, space, kept), array)
        return array

    def number(self, name: str, *, kept: Kept = True) -> Floats:
        """Add a number in host memory, ``[capacity]``, float64."""
        return self._host(name, Field((), "f8", kept=kept))

    def count(self, name: str, *, kept: Kept = True) -> Integers:
        """Add an integer in host memory, ``[capacity]``, int64."""
        return self._host(name, Field((), "i8", kept=kept))

    def flag(self, name: str, *, kept: Kept = True) -> Flags:
        """Add a flag in host memory, ``[capacity]``."""
        return self._host(name, Field((), "b1", kept=kept))

    def history(self, name: str, steps: int) -> npt.NDArray[np.float32]:
        """Add a number per step in host memory, ``[capacity, steps]``, float32."""
        return self._host(name, Field((steps,), "f4", history=True))

    def _host(self, name: str, field: Field) -> npt.NDArray[Any]:
        array = np.zeros((self.capacity, *field.shape), field.dtype)
        self.add(name, field, array)
        return array
