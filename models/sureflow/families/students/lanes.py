"""The lanes of a student: those of a flow, on the times of its schedule."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor

from sureflow.core.arrays import Floats, Slots
from sureflow.families.flow.grid import uniform
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.students.schedule import Schedule
from sureflow.networks.foreign.convention import Convention


class StudentLanes(FlowLanes):
    """Lanes of a student. ``fitted`` is its schedule; without one the steps are equal.

    Attributes:
        convention: What the numbers of its teacher's network meant, and so its own.
    """

    def __init__(self, convention: Convention, capacity: int, **slots: Any) -> None:
        super().__init__(capacity, **slots)
        self.convention = convention

    def begun(self, owner: Slots, noise: Tensor, data: Tensor) -> Tensor:
        """States at ``t = 0`` of the teacher's paths from noise to data."""
        return self.convention.start(noise, data)

    def noise_in(self, start: Tensor, data: Tensor) -> Tensor:
        """The noise of a path that begins with this state; the inverse of :meth:`begun`."""
        a, b = self.convention.coupling
        return start if (a, b) == (0, 1) else (start - a * data) / b

    def times_of(self, spec: FlowSpec) -> Floats:
        """The pinned times of a number of steps, from exactly 0 to exactly 1."""
        schedule = cast(Schedule | None, self.fitted)
        return uniform(spec.steps) if schedule is None else schedule.times(spec.steps)
