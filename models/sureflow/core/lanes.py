"""The state of all lanes in flight: a struct of arrays, one slot per lane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Slots
from sureflow.core.fields import Array, Field, Fields
from sureflow.core.frame import Frame
from sureflow.core.lane import LaneSpec, View
from sureflow.core.transfer import to_device

Listener = Callable[[int, float, Floats], object]
"""Called with a lane's slot or ticket, the time that it has reached, and the :meth:`statistics
<Lanes.statistics>` of its score there."""


@dataclass(frozen=True, slots=True, eq=False)
class Suspended:
    """A lane between two steps that has left its slot, and can be resumed in another one.

    Attributes:
        frame: All of its fields.
        evaluations: Network rows spent.
        recorded: What else its family keeps of it.
    """

    frame: Frame
    evaluations: int
    recorded: Any = None


class Lanes(Fields):
    """Arrays of fixed capacity; a lane is one index, a slot, into all of them.

    Arrays of the shape of a sample are on the device. The few numbers per lane that decide what
    happens next are in host memory, so that no decision waits for the device. A *frame* consists of
    all fields that are kept, so there is no second list of them. A family adds its own fields.

    Attributes:
        fields: Descriptions of the arrays, by name.
        arrays: The arrays, ``[capacity, *shape]``, by name.
        step: Steps completed.
        t: Progress in [0, 1]: the time at which the current step begins.
        rejected: Steps tried and discarded.
        evaluations: Network rows spent.
        times: Time at which each step began, ``[capacity, most_steps]``.
        rates: How undecided the lane was at those times, by the family's own evidence.
        abandoned: Whether the early-stopping rule has ended the lane.
        halted: Whether the lane has reached the step at which its spec halts it.
        now: Present time on the clock of deadlines, with ``tick_s``, the duration of a tick.
        listener: If given, it is called for every lane at every step, and no lane is abandoned.
    """

    def __init__(self, capacity: int, device: torch.device, most_steps: int) -> None:
        super().__init__(capacity, device)
        self.fields: dict[str, Field] = {}
        self.arrays: dict[str, Array] = {}
        self.step = self.count("step")
        self.t = self.number("t")
        self.rejected = self.count("rejected")
        self.evaluations = self.count("evaluations", kept=False)
        self.times, self.rates = (self.history(name, most_steps) for name in ("times", "rates"))
        self.abandoned = self.flag("abandoned", kept=False)
        self.halted = self.flag("halted", kept=False)
        self.now, self.tick_s = 0.0, 1.0
        self.listener: Listener | None = None

    def add(self, name: str, field: Field, array: Array) -> None:
        """Add a field with its array."""
        assert name not in self.fields
        self.fields[name], self.arrays[name] = field, array

    def clear(self, slot: int) -> None:
        """Reset the common fields of a slot for a new lane."""
        for number in (self.step, self.t, self.rejected, self.evaluations):
            number[slot] = 0
        self.times[slot, 0] = self.rates[slot, 0] = 0
        self.abandoned[slot] = self.halted[slot] = False

    def take_frame(self, slot: int) -> Frame:
        """Copy all kept fields of a lane to host memory."""
        step = int(self.step[slot])
        found = {}
        for name, field in self.fields.items():
            if field.kept_of(slot):
                value: Any = self.arrays[name][slot]
                value = value[:step] if field.history else value
                found[name] = np.array(value.cpu().numpy() if isinstance(value, Tensor) else value)
        return Frame(step, float(self.t[slot]), found)

    def restore(self, slot: int, spec: LaneSpec, frame: Frame) -> None:
        """Restore a lane, just admitted with this spec, from a frame that :meth:`fits`."""
        for name, value in frame.arrays.items():
            if name not in self.fields:
                continue  # of a score that this lane does not have
            array: Any = self.arrays[name]
            if self.fields[name].history:
                array[slot, : frame.step] = value
            else:
                array[slot] = torch.tensor(value) if isinstance(array, Tensor) else value

    def suspend(self, slot: int) -> Suspended:
        """What a lane that is between two steps is resumed from, to the same bytes."""
        return Suspended(self.take_frame(slot), int(self.evaluations[slot]))

    def fits(self, frame: Frame) -> str | None:
        """The first field that a frame lacks or has of another type; ``None`` if it fits."""
        for name, field in self.fields.items():
            expected = (frame.step,) if field.history else field.shape
            found = frame.arrays.get(name)
            if found is None and field.kept is True:
                return name
            if found is not None and (found.shape != expected or found.dtype != field.dtype):
                return name
        wrong = int(frame.arrays["step"]) != frame.step or float(frame.arrays["t"]) != frame.t
        return "step" if wrong else None

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def index(self, slots: Slots) -> Index:
        """Slots as an index on the device; contiguous ones as a slice, which copies nothing."""
        if len(slots) and slots[-1] - slots[0] + 1 == len(slots):
            return slice(int(slots[0]), int(slots[-1]) + 1)
        return to_device(slots, self.device)

    def ticks_left(self, slots: Slots) -> Floats:
        """Estimated number of ticks until each lane ends, ``[n]``."""
        return np.ones(len(slots))

    def next_step_t(self, slot: int) -> float:
        """The time at which the next step begins if it is known, else that of the current step."""
        return float(self.t[slot])

    def view(self, slot: int) -> View:
        """The view of a lane at the beginning of its step.

        Raises:
            NotImplementedError: The family has no views.
        """
        raise NotImplementedError

    def views(self, slot: int) -> tuple[View, ...]:
        """The views of a lane so far, ascending, but for those that have yet to be decoded."""
        return ()

    def statistics(self, score: str, slots: Slots) -> Floats:
        """What foretells a score of lanes at the first evaluation of their step, ``[n, m]``.

        The first of them is the score if they ended where that evaluation points, or what it
        foresees before it has a value. A statistic that there is not is NaN; larger is worse.
        """
        raise NotImplementedError

    def foretold(self, score: str, slots: Slots, specs: Sequence[LaneSpec]) -> Floats:
        """What foretells a score of lanes ``[n]`` that are between two steps, with these specs.

        Lanes at one time are ranked by it; lower is surer, and NaN tells nothing.
        """
        raise NotImplementedError
