"""The lanes of a student: those of a flow, on the times of its schedule."""

from __future__ import annotations

from typing import cast

from sureflow.core.arrays import Floats
from sureflow.families.flow.grid import uniform
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.students.schedule import Schedule


class StudentLanes(FlowLanes):
    """Lanes of a student. ``fitted`` is its schedule; without one the steps are equal."""

    def times_of(self, spec: FlowSpec) -> Floats:
        """The pinned times of a number of steps, from exactly 0 to exactly 1."""
        schedule = cast(Schedule | None, self.fitted)
        return uniform(spec.steps) if schedule is None else schedule.times(spec.steps)
