"""ODE flows: samples by integrating a velocity from noise to data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, cycle
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt

from sureflow.core.card import Condition, ModelCard
from sureflow.core.codec import Codec
from sureflow.core.family import Family
from sureflow.core.lane import LaneSpec
from sureflow.core.schema import InvalidFieldError, Schema
from sureflow.families.flow import completion, cost, requests
from sureflow.families.flow import setting as settings
from sureflow.families.flow.codec import ImageCodec
from sureflow.families.flow.operation_bodies import OPERATION_BODIES
from sureflow.families.flow.operations import OPERATIONS, Inpaint, Resample
from sureflow.families.flow.options import Guidance, SamplerOptions
from sureflow.families.flow.scores.catalogue import SCORES, scores_of
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.state_arrays import read_given
from sureflow.families.flow.tableau import METHODS

DIFFERENTIATED = "divergence"
"""A score with derivatives, whose block sizes are verified when a lane first has it."""

TRAINING_FREE = "residual"
"""The score of a model that has no variance: of those that need none the best on digits of three
kinds of prediction (docs/benchmarks/foreign.md)."""

TENSORS = {"guidance": ("FP64", "guidance.scale"), "steps": ("INT32", "sampler.steps")}
WIRE_NAMES = {"steps": "sampler.steps", "size": "sampler.size"}


class Flow(Family):
    """The family of ODE flows."""

    name = "flow"
    spec: ClassVar[type[FlowSpec]] = FlowSpec
    operations = OPERATIONS
    scores = SCORES
    default_score = "propagated"
    engine: str = "sureflow.families.flow.engine:FlowEngine"

    sampler: ClassVar[type[Schema]] = SamplerOptions
    guidance = Guidance
    operation_bodies = OPERATION_BODIES
    samplers: Sequence[str] = METHODS
    reference = "heun:20"
    codec: Codec = ImageCodec()
    tensors = TENSORS
    inversion: Schema | None = SamplerOptions(method="dopri5", tolerance=1e-4)
    rewind_operation = Resample()
    wire_names: Mapping[str, str] = WIRE_NAMES

    given_sample = staticmethod(read_given)
    canonical = staticmethod(requests.canonical)
    lane = staticmethod(requests.lane)
    edit = staticmethod(requests.edit)
    cost = staticmethod(cost.cost)
    setting = staticmethod(settings.setting)
    strata = staticmethod(settings.strata)
    draws = staticmethod(settings.draws)
    drawn = staticmethod(settings.drawn)
    references = staticmethod(settings.references)
    usual = staticmethod(settings.usual)
    parse_setting = staticmethod(settings.parse)
    completed = staticmethod(completion.completed)

    def sampler_options(self, spec: LaneSpec) -> Mapping[str, Any]:
        """The options of ``sampler`` by which a lane is run, but for its size."""
        return completion.options_of(cast(FlowSpec, spec))

    def sized(self, card: ModelCard, spec: LaneSpec) -> ModelCard:
        """The card of a model that makes samples of a lane's size alone."""
        return card.at(self.canonical(card, spec).size)

    def usual_score(self, card: ModelCard) -> str:
        """What finds bad samples best where nothing was measured.

        For a model without a variance it is what needs none, and for one of vectors with a fitted
        variance the density, which was far better than the integral on the ring and on posteriors.
        """
        if card.variance == "none":
            return TRAINING_FREE
        fitted = card.variance in ("inside", "beside")
        return "likelihood" if fitted and card.media == "vector" else self.default_score

    def best_score(self, card: ModelCard, spec: LaneSpec) -> str:
        """The recommended score of a lane; the integral of the variance if it cannot have that."""
        found = super().best_score(card, spec)
        return self.default_score if self.obstacle(found, card, spec) else found

    def obstacle(self, score: str, card: ModelCard, spec: LaneSpec) -> str | None:
        """Why a lane cannot have a score, as the end of a sentence; ``None`` if it can."""
        lane = cast(FlowSpec, spec)
        return scores_of(lane)[score].obstacle(card, lane)

    def draws_noise(self, operation: object) -> bool:
        """Whether an operation draws noise, so that several branches with it differ."""
        repeated = isinstance(operation, Inpaint) and operation.inner > 1
        return repeated or isinstance(operation, Resample)

    def check_inversion(self, spec: LaneSpec) -> None:
        """Check that a lane like this one can start from the inversion of a given sample."""
        if self.rewind_obstacle(spec):
            message = "steps made in parallel cannot be taken back"
            raise InvalidFieldError("sampler.parallel", message)

    def rewind_obstacle(self, spec: LaneSpec) -> str | None:
        """Why a lane cannot be resumed: lanes with parallel steps have no frames."""
        parallel = cast(FlowSpec, spec).parallel
        return "steps made in parallel cannot be taken up again" if parallel else None

    def halving_obstacle(self, spec: LaneSpec) -> str | None:
        """Why lanes cannot be compared on the way: they do not come to the same times."""
        lane = cast(FlowSpec, spec)
        if lane.tolerance is not None:
            return "with a tolerance every sample has steps of its own, so that they do not meet"
        if lane.parallel:
            return "samples whose steps are made in parallel do not meet on the way"
        if lane.origin is not None:
            return "samples of an edit are not compared on the way"
        if lane.steps < 2:
            return "samples of one step have no way on which they could be compared"
        if lane.scores and not self.rungs(lane):
            return f"{lane.scores[0]} tells nothing before a sample is finished"
        return None

    def warm_up_lanes(self, card: ModelCard) -> Iterator[FlowSpec]:
        """Lanes of one step with every method, guided and not, in all sizes in turn.

        The first has derivatives, and is looked at if there is a decoder for that.
        """
        label = 0 if card.classes else None
        sizes = cycle([None, *card.sizes[1:]])
        for index, method, size in zip(count(), cycle(METHODS), sizes, strict=False):
            conditions = card.at(size).conditions
            given = {name: _example(condition) for name, condition in conditions.items()}
            spec = self.spec(0, index, method, 1, label, condition=given, size=size)
            if spec.conditioned and index % 2 and not card.lacking(None, ()):
                spec = replace(spec, guidance=2.0)
            if card.differentiable and DIFFERENTIATED in self.scores and not index:
                spec = replace(spec, scores=(DIFFERENTIATED,))
            if "preview" in card.stages and not index:
                spec = replace(spec, watch=(0,))
            yield spec


def _example(condition: Condition) -> npt.NDArray[np.generic]:
    """An array that a lane can be conditioned on; tokens where there is an encoder."""
    if condition.prompt is not None:
        return np.zeros(condition.prompt.tokens, np.int64)
    return np.full(condition.shape, condition.null, np.float32)


FAMILY = Flow()
