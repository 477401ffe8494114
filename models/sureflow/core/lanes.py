"""The state of all lanes in flight: a struct of arrays, one slot per lane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.core.frame import Frame
from sureflow.core.lane import LaneSpec, View
from sureflow.core.transfer import to_device

Array: TypeAlias = Tensor | npt.NDArray[Any]
When: TypeAlias = Callable[[int], bool]
"""Tells of a slot whether its lane's frames have a field."""

Space = Literal["real", "torus", "counts", "tokens", "mask"]

DTYPES = {"f4": torch.float32, "f8": torch.float64, "i8": torch.int64, "b1": torch.bool}


@dataclass(frozen=True, slots=True)
class Field:
    """One named array of a lane.

    Attributes:
        shape: Of one lane's part.
        dtype: ``f4``, ``f8``, ``i8`` or ``b1``.
        space: What its numbers are; fractional coordinates on a torus, say, are compared there.
        kept: Whether it is part of a frame. What says nothing between two steps is not.
        history: It has an entry for every step, of which a frame has those completed.
    """

    shape: tuple[int, ...] = ()
    dtype: str = "f4"
    space: Space = "real"
    kept: bool = True
    history: bool = False


class Lanes:
    """Fixed-capacity arrays; a lane is one index into all of them.

    What has the shape of a sample lives on the device. The few numbers per lane that decide what
    happens next live in host memory, so that no decision waits for the device. A *frame* is all
    fields that are kept; nobody lists them by hand. A family adds its own fields.

    Args:
        capacity: Most lanes.
        device: Where the large arrays are.
        most_steps: Most steps of a lane.

    Attributes:
        fields: What each array is, by name.
        arrays: The arrays, ``[capacity, *shape]``, by name.
        step: Steps completed.
        t: Progress in [0, 1]: the time at which the current step begins.
        rejected: Steps tried and discarded.
        evaluations: Network rows spent.
        times: Time at which each step began, ``[capacity, most_steps]``.
        rates: How open the lane was then, by the native evidence of the family.
        abandoned: The lane was foreseen to end in a sample of no use.
        halted: It has come to the step that it was to come to.
    """

    def __init__(self, capacity: int, device: torch.device, most_steps: int) -> None:
        self.capacity = capacity
        self.device = device
        self.fields: dict[str, Field] = {}
        self.arrays: dict[str, Array] = {}
        self._when: dict[str, When] = {}
        self.step = self.count("step")
        self.t = self.number("t")
        self.rejected = self.count("rejected")
        self.evaluations = self.count("evaluations", kept=False)
        self.times = self.history("times", most_steps)
        self.rates = self.history("rates", most_steps)
        self.abandoned = self.flag("abandoned", kept=False)
        self.halted = self.flag("halted", kept=False)

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "f4",
        space: Space = "real",
        *,
        kept: bool = True,
        when: When | None = None,
    ) -> Tensor:
        """Add a field on the device, ``[capacity, *shape]``, zero; ``when`` as in :meth:`add`."""
        array = torch.zeros(self.capacity, *shape, dtype=DTYPES[dtype], device=self.device)
        self.add(name, Field(tuple(shape), dtype, space, kept), array, when)
        return array

    def number(self, name: str, *, kept: bool = True, when: When | None = None) -> Floats:
        """Add a number per lane in host memory, ``[capacity]`` float64, zero."""
        return self._host(name, "f8", kept, when)

    def count(self, name: str, *, kept: bool = True, when: When | None = None) -> Integers:
        """Add a whole number per lane in host memory, ``[capacity]`` int64, zero."""
        return self._host(name, "i8", kept, when)

    def flag(self, name: str, *, kept: bool = True, when: When | None = None) -> Flags:
        """Add a flag per lane in host memory, ``[capacity]``, false."""
        return self._host(name, "b1", kept, when)

    def _host(self, name: str, dtype: str, kept: bool, when: When | None) -> npt.NDArray[Any]:
        array = np.zeros(self.capacity, np.bool_ if dtype == "b1" else dtype)
        self.add(name, Field((), dtype, kept=kept), array, when)
        return array

    def history(self, name: str, steps: int) -> npt.NDArray[np.float32]:
        """Add a number per lane and step in host memory, ``[capacity, steps]``, zero."""
        array = np.zeros((self.capacity, steps), np.float32)
        self.add(name, Field((steps,), "f4", history=True), array)
        return array

    def add(
        self,
        name: str,
        field: Field,
        array: Array,
        when: When | None = None,
    ) -> None:
        """Add a field whose array there is, perhaps as a view of another.

        Args:
            name: A new name.
            field: What it is.
            array: ``[capacity, *shape]``.
            when: Tells of a slot whether its lane's frames have the field; by default all have.
        """
        assert name not in self.fields
        self.fields[name], self.arrays[name] = field, array
        if when is not None:
            self._when[name] = when

    def clear(self, slot: int) -> None:
        """Make a slot ready for a lane that has not begun."""
        for number in (self.step, self.t, self.rejected, self.evaluations):
            number[slot] = 0
        self.times[slot, 0] = self.rates[slot, 0] = 0
        self.abandoned[slot] = self.halted[slot] = False

    def take(self, slot: int) -> Frame:
        """A copy of all that a lane is, in host memory."""
        step = int(self.step[slot])
        found = {}
        for name in self._kept(slot):
            value: Any = self.arrays[name][slot]
            value = value[:step] if self.fields[name].history else value
            found[name] = np.array(value.cpu().numpy() if isinstance(value, Tensor) else value)
        return Frame(step, float(self.t[slot]), found)

    def put(self, slot: int, spec: LaneSpec, frame: Frame) -> None:
        """Put a lane, just admitted with this spec, where a frame of it was taken.

        The frame :meth:`fits`.
        """
        for name, value in frame.arrays.items():
            if name not in self.fields:
                continue  # of a score that this lane does without
            array: Any = self.arrays[name]
            if self.fields[name].history:
                array[slot, : frame.step] = value
            else:
                array[slot] = torch.tensor(value) if isinstance(array, Tensor) else value

    def fits(self, frame: Frame) -> str | None:
        """The first array of a frame that is missing or of another kind; None if it fits."""
        for name, field in self.fields.items():
            expected = (frame.step,) if field.history else field.shape
            found = frame.arrays.get(name)
            if found is None and field.kept and name not in self._when:
                return name
            if found is not None and found.shape != expected:
                return name
            if found is not None and found.dtype != field.dtype:
                return name
        wrong = int(frame.arrays["step"]) != frame.step or float(frame.arrays["t"]) != frame.t
        return "step" if wrong else None

    def _kept(self, slot: int) -> list[str]:
        return [
            name
            for name, field in self.fields.items()
            if field.kept and (name not in self._when or self._when[name](slot))
        ]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def index(self, slots: Slots) -> Index:
        """Neighbouring slots as a slice, which needs neither a copy nor an index on the device."""
        if len(slots) and slots[-1] - slots[0] + 1 == len(slots):
            return slice(int(slots[0]), int(slots[-1]) + 1)
        return to_device(slots, self.device)

    def progress(self, slot: int) -> tuple[int, float]:
        """Steps completed and time reached."""
        return int(self.step[slot]), float(self.t[slot])

    def ticks_left(self, slots: Slots) -> Floats:
        """Ticks that each lane still needs, roughly, ``[n]``."""
        return np.ones(len(slots))

    def following(self, slot: int) -> float:
        """The time at which the next step begins, as far as it is known; else that of this one."""
        return float(self.t[slot])

    def view(self, slot: int) -> View:
        """What there is to see of a lane at the beginning of its step.

        Raises:
            NotImplementedError: The family shows nothing.
        """
        raise NotImplementedError

    def running(self, score: str, slots: Slots) -> Floats:
        """A score of lanes if they ended as is foreseen at the beginning of their step, ``[n]``."""
        raise NotImplementedError
