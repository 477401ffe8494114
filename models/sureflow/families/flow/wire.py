"""The wire of flows: how requests become lanes."""

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
from sureflow.families.flow import edit_request, generate_request
from sureflow.families.flow.codec import ImageCodec
from sureflow.families.flow.operation_bodies import OPERATION_BODIES
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.options import Guidance, SamplerOptions
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS

DIFFERENTIATED = "divergence"
"""A score with derivatives, whose block sizes are verified when a lane first has it."""

TENSORS = {"guidance": ("FP64", "guidance.scale"), "steps": ("INT32", "sampler.steps")}
WIRE_NAMES = {"steps": "sampler.steps"}


class FlowWire(Wire):
    """The part of the family of flows that the API uses."""

    sampler = SamplerOptions
    guidance = Guidance
    operation_bodies = OPERATION_BODIES
    samplers = METHODS
    codec = ImageCodec()
    tensors = TENSORS
    inversion = SamplerOptions(method="dopri5", tolerance=1e-4)
    rewind_operation = Resample()
    wire_names = WIRE_NAMES

    lane = staticmethod(generate_request.lane)
    edit = staticmethod(edit_request.edit)
    draws_noise = staticmethod(edit_request.draws_noise)

    def check_inversion(self, spec: LaneSpec) -> None:
        """Check that a lane like this one can start from the inversion of a given sample."""
        if self.rewind_obstacle(spec):
            message = "steps made in parallel cannot be taken back"
            raise InvalidFieldError("sampler.parallel", message)

    def rewind_obstacle(self, spec: LaneSpec) -> str | None:
        """Why a lane cannot be resumed: lanes with parallel steps have no frames."""
        parallel = cast(FlowSpec, spec).parallel
        return "steps made in parallel cannot be taken up again" if parallel else None

    def warm_up_lanes(self, card: ModelCard) -> Iterator[FlowSpec]:
        """Lanes of one step with every method, guided and not; the first with derivatives."""
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
