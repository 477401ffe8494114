"""ODE flows: samples by integrating a velocity from noise to data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sureflow.core.card import ModelCard
from sureflow.core.cost import Cost
from sureflow.core.family import Family
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow.families.flow import setting as settings
from sureflow.families.flow.cost import cost
from sureflow.families.flow.fields import FIELDS, OPERATION_FIELDS
from sureflow.families.flow.operations import OPERATIONS
from sureflow.families.flow.scores.catalogue import DEFAULT_SCORE, SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.wire import FlowWire


class Flow(FlowWire, Family):
    """The family of ODE flows."""

    name = "flow"
    spec = FlowSpec
    fields = FIELDS
    operations = OPERATIONS
    operation_fields = OPERATION_FIELDS
    scores = SCORES
    default_score = DEFAULT_SCORE
    engine = "sureflow.families.flow.engine:FlowEngine"

    def obstacle(self, score: str, card: ModelCard, spec: LaneSpec) -> str | None:
        """Why a lane cannot have a score, as the end of a sentence; ``None`` if it can."""
        lane = cast(FlowSpec, spec)
        given = lane.conditioned or None
        return SCORES[score].obstacle(card, given, lane.guidance, bool(lane.parallel))

    def cost(self, spec: LaneSpec) -> Cost:
        """The cost of a lane."""
        return cost(cast(FlowSpec, spec))

    def setting(self, spec: LaneSpec, realised: float | None = None) -> Setting:
        """Solver, grid and guidance, and how many steps or which tolerance."""
        return settings.setting(cast(FlowSpec, spec), realised)

    def strata(self, spec: LaneSpec) -> Sequence[tuple[str, float]]:
        """Its class, or no condition."""
        return [(settings.stratum(cast(FlowSpec, spec).label), 1.0)]

    def draws(self, card: ModelCard, setting: Setting) -> Sequence[FlowSpec]:
        """A lane of every class, and, at guidance 1, without a condition."""
        return settings.draws(card, setting)

    def references(self, setting: Setting, known: Sequence[Setting]) -> Sequence[tuple[int, float]]:
        """Those of the same guidance scale; between two scales both, weighed."""
        return settings.references(setting, known)

    def usual(self, card: ModelCard, known: Sequence[Setting]) -> Sequence[Setting]:
        """The solvers, in few steps and in many, on every grid that the model has."""
        return settings.usual(card, known)

    def parse_setting(self, text: str) -> Setting:
        """Of the form ``METHOD:STEPS`` or ``METHOD:TOLERANCE[/GRID][@GUIDANCE]``."""
        return settings.parse(text)


FAMILY = Flow()
