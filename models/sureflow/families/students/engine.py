"""The engine of students."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sureflow.core.engine import EarlyRule, LearnedFile
from sureflow.core.lane import Branch, Inverted, LaneSpec
from sureflow.families.flow.engine import GRID, FlowEngine
from sureflow.families.flow.phases import FlowPhases
from sureflow.families.students.lanes import StudentLanes
from sureflow.families.students.reconsider import Reconsider
from sureflow.families.students.renewal import Renewal
from sureflow.families.students.schedule import Schedule
from sureflow.families.students.spec import EULER, StudentSpec

SCHEDULE = "schedule.safetensors"


class StudentEngine(FlowEngine):
    """Moves lanes by predictions of their ends, and draws noise anew between the steps."""

    learned = (
        LearnedFile("grid", SCHEDULE, "sureflow distill", Schedule.load, Schedule.tensors),
        *(each for each in FlowEngine.learned if each.file != GRID),
    )

    @classmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the model's card that depend on the network and its schedule."""
        schedule: Schedule | None = learned.get("grid")
        return {
            **super().facts(network, learned),
            "grids": StudentSpec.grids,
            "step_counts": () if schedule is None else schedule.step_counts,
            "variance": "none",
        }

    def lanes(self, capacity: int, early: Mapping[str, EarlyRule] | None = None) -> StudentLanes:
        """Slots for lanes of this model."""
        convention = self.model.network.convention
        return StudentLanes(convention, capacity, **self.slots(), early=early)

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> FlowPhases:
        """The steps, and the phases before and after them."""
        lanes = self.lanes(capacity, early)
        return FlowPhases(lanes, Renewal(), **self.staged(), renoise=Reconsider)

    def check(self, spec: LaneSpec) -> None:
        """Check that the model can run a lane, as for a flow, in so many steps.

        Raises:
            ValueError: It cannot; the message begins with the name of the field.
        """
        super().check(spec)
        self._check_steps(cast(StudentSpec, spec))

    def _check_steps(self, lane: StudentSpec) -> None:
        counts = self.model.card.step_counts
        if lane.method != EULER:
            raise ValueError(f"method: {lane.method!r} is not for students")
        if lane.tolerance is not None:
            raise ValueError("tolerance: the steps of a student are fixed")
        if lane.parallel:
            raise ValueError("parallel: the steps of a student are made one after another")
        if counts and lane.steps not in counts:
            raise ValueError(f"steps: {lane.steps}, and {self.model.card.name} has {counts}")
        if isinstance(lane.origin, Inverted):
            raise ValueError("origin: the samples of a student cannot be inverted")
        if isinstance(lane.origin, Branch):
            try:
                self._check_steps(cast(StudentSpec, lane.origin.parent))
            except ValueError as error:
                raise ValueError(f"parent: {error}") from error
