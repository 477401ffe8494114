"""Vectors of counts by births and deaths: the torch-free face of the family.

A lane begins with counts of a source, and moves each of them by whole numbers to where the network
predicts that it ends; at ``t = 1`` they are the sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import ClassVar, cast

from sureflow.core.card import ModelCard
from sureflow.core.family import Family
from sureflow.core.lane import LaneSpec
from sureflow.families.counts import cost, requests
from sureflow.families.counts import setting as settings
from sureflow.families.counts.codec import CountCodec
from sureflow.families.counts.operation_bodies import OPERATION_BODIES
from sureflow.families.counts.operations import OPERATIONS, Resample
from sureflow.families.counts.options import CountGuidance, CountOptions
from sureflow.families.counts.scores.catalogue import SCORES
from sureflow.families.counts.spec import METHODS, CountSpec


class Counts(Family):
    """The family of counts."""

    name = "counts"
    spec: ClassVar[type[CountSpec]] = CountSpec
    operations = OPERATIONS
    scores = SCORES
    default_score = "deviance"
    engine = "sureflow.families.counts.engine:CountEngine"
    sampler: ClassVar[type[CountOptions]] = CountOptions
    guidance: ClassVar[type[CountGuidance]] = CountGuidance
    operation_bodies = OPERATION_BODIES
    samplers = METHODS
    codec = CountCodec()
    tensors: Mapping[str, tuple[str, str]] = {
        "steps": ("INT32", "sampler.steps"),
        "label": ("INT32", "condition.label"),
    }
    rewind_operation = Resample()
    reference = "bridge:20"
    wire_names: Mapping[str, str] = {
        **{name: f"sampler.{name}" for name in CountOptions.model_fields},
        "guidance": "guidance.scale",
        "label": "condition.label",
    }

    lane = staticmethod(requests.lane)
    edit = staticmethod(requests.edit)
    cost = staticmethod(cost.cost)
    setting = staticmethod(settings.setting)
    strata = staticmethod(settings.strata)
    draws = staticmethod(settings.draws)
    references = staticmethod(settings.references)
    usual = staticmethod(settings.usual)
    parse_setting = staticmethod(settings.parse)

    def view(self, card: ModelCard) -> str:
        """Counts of components."""
        return "counts"

    def draws_noise(self, operation: object) -> bool:
        """Whether an operation draws noise, so that several branches with it differ."""
        return isinstance(operation, Resample)

    def wanders(self, spec: LaneSpec) -> bool:
        """Every lane draws its moves on its way."""
        return True

    def halving_obstacle(self, spec: LaneSpec) -> str | None:
        """Why lanes cannot be compared on the way: they do not come to the same times."""
        lane = cast(CountSpec, spec)
        if lane.origin is not None:
            return "samples of an edit are not compared on the way"
        if lane.steps < 2:
            return "samples of one step have no way on which they could be compared"
        return None

    def warm_up_lanes(self, card: ModelCard) -> Iterator[CountSpec]:
        """Lanes of one step, of every class."""
        for index in count():
            label = index % len(card.classes) if card.classes else None
            yield CountSpec(0, index, steps=1, label=label)


FAMILY = Counts()
