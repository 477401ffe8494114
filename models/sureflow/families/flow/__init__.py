"""ODE flows: samples by integrating a velocity from noise to data."""

from __future__ import annotations

from typing import cast

from sureflow.core.card import ModelCard
from sureflow.core.cost import Cost
from sureflow.core.family import Family
from sureflow.core.lane import LaneSpec
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
        """Why a score cannot be had of such a lane, as the end of a sentence; None if it can."""
        lane = cast(FlowSpec, spec)
        given = lane.conditioned or None
        return SCORES[score].obstacle(card, given, lane.guidance, bool(lane.parallel))

    def cost(self, spec: LaneSpec) -> Cost:
        """What a lane costs."""
        return cost(cast(FlowSpec, spec))


FAMILY = Flow()
