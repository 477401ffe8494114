"""The spec of a student's lane. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sureflow.families.flow.spec import FlowSpec

PINNED = "pinned"
"""The grid of a student: the times that its schedule has for a number of steps."""

EULER = "euler"
"""The method of a student's steps: one evaluation, straight to the next time."""

STEPS = 4


@dataclass(frozen=True, slots=True)
class StudentSpec(FlowSpec):
    """One sample of a student to make, in as many steps as its model was made for.

    Method and grid are always these; a tolerance and parallel steps are not for students.
    """

    family: ClassVar[str] = "students"
    grids: ClassVar[tuple[str, ...]] = (PINNED,)

    method: str = EULER
    steps: int = STEPS
    grid: str = PINNED
