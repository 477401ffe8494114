"""What flows say of requests and answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, cycle
from typing import cast

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.invalid_field import InvalidFieldError
from sureflow.core.lane import LaneSpec
from sureflow.core.wire import Wire
from sureflow.families.flow import edited, requested
from sureflow.families.flow.codec import ImageCodec
from sureflow.families.flow.operation_bodies import OPERATION_BODIES
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.options import Guidance, SamplerOptions
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS

DIFFERENTIATED = "divergence"
"""A score that asks for derivatives, whose block sizes are verified when one first does."""

TENSORS = {"guidance": ("FP64", "guidance.scale"), "steps": ("INT32", "sampler.steps")}
WIRE_NAMES = {"steps": "sampler.steps"}


class FlowWire(Wire):
    """The part of the family of flows that the API reads."""

    sampler = SamplerOptions
    guidance = Guidance
    operation_bodies = OPERATION_BODIES
    samplers = METHODS
    codec = ImageCodec()
    tensors = TENSORS
    inversion = SamplerOptions(method="dopri5", tolerance=1e-4)
    redraw = Resample()
    wire_names = WIRE_NAMES
    lane = staticmethod(requested.lane)
    edit = staticmethod(edited.edit)
    random = staticmethod(edited.random)

    def check_inversion(self, spec: LaneSpec) -> None:
        """Make sure that such a lane can be taken back to its noise."""
        if self.unrewindable(spec):
            message = "steps made in parallel cannot be taken back"
            raise InvalidFieldError("sampler.parallel", message)

    def unrewindable(self, spec: LaneSpec) -> str | None:
        """Steps that were made ahead of their time leave no frames."""
        parallel = cast(FlowSpec, spec).parallel
        return "steps made in parallel cannot be taken up again" if parallel else None

    def examples(self, card: ModelCard) -> Iterator[FlowSpec]:
        """Lanes of one step by every method, guided and not; the first one differentiated."""
        label = 0 if card.classes else None
        given = {
            name: np.full(condition.shape, condition.null, np.float32)
            for name, condition in card.conditions.items()
        }
        for index, method in zip(count(), cycle(METHODS), strict=False):
            spec = FlowSpec(0, index, method, 1, label, condition=given)
            if spec.conditioned and index % 2:
                spec = replace(spec, guidance=2.0)
            if card.differentiable and not index:
                spec = replace(spec, scores=(DIFFERENTIATED,))
            yield spec
