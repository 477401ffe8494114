"""Densities: samples of what is known up to a constant, with weights and the constant.

The model of this family is a target, a log density and its gradient; nothing is trained. A lane
holds several points and asks for a row of each. See :mod:`sureflow.families.annealed.spec` for the
methods.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, cycle
from typing import ClassVar, cast

from sureflow.core.card import ModelCard
from sureflow.core.family import Cost, Family
from sureflow.core.lane import LaneSpec, Sample
from sureflow.families.annealed import requests, summary
from sureflow.families.annealed import setting as settings
from sureflow.families.annealed.operation_bodies import OPERATION_BODIES
from sureflow.families.annealed.operations import OPERATIONS, Resample
from sureflow.families.annealed.options import AnnealedOptions
from sureflow.families.annealed.scores.catalogue import MASS, R_HAT, SCORES
from sureflow.families.annealed.spec import METHODS, TRANSPORT, AnnealedSpec


class Annealed(Family):
    """The family of densities."""

    name = "annealed"
    spec: ClassVar[type[AnnealedSpec]] = AnnealedSpec
    operations = OPERATIONS
    scores = SCORES
    default_score = MASS
    engine = "sureflow.families.annealed.engine:AnnealedEngine"
    sampler = AnnealedOptions
    operation_bodies = OPERATION_BODIES
    samplers = METHODS
    reference = settings.REFERENCE
    rewind_operation = Resample()
    wire_names: Mapping[str, str] = {
        name: f"sampler.{name}"
        for name in ("method", "steps", "warmup", "replicas", "leapfrog", "start", "noise")
    }

    lane = staticmethod(requests.lane)
    edit = staticmethod(requests.edit)
    setting = staticmethod(settings.setting)
    draws = staticmethod(settings.draws)
    references = staticmethod(settings.references)
    usual = staticmethod(settings.usual)
    parse_setting = staticmethod(settings.parse)

    def numbers(self, sample: Sample) -> Mapping[str, float]:
        """The log weight of a sample, and the log of its run's estimate of the constant."""
        return summary.numbers(sample)

    def summary(self, samples: Sequence[Sample]) -> Mapping[str, float]:
        """Effective number, constant with its error, and agreement of the samples of a request."""
        return summary.summary(samples)

    def doubts(self, samples: Sequence[Sample]) -> Sequence[str]:
        """What speaks against them."""
        return summary.warnings(samples)

    def obstacle(self, score: str, card: ModelCard, spec: LaneSpec) -> str | None:
        """Why a lane cannot have a score, as the end of a sentence; ``None`` if it can."""
        method, known = cast(AnnealedSpec, spec).method, SCORES[score].methods
        return None if method in known else f"is of {', '.join(known)}, not of {method}"

    def best_score(self, card: ModelCard, spec: LaneSpec) -> str:
        """The recommended score of a lane; R-hat of chains without a ladder."""
        found = super().best_score(card, spec)
        return found if self.obstacle(found, card, spec) is None else R_HAT

    def cost(self, spec: LaneSpec) -> Cost:
        """A row per point of each evaluation; a transport has one point after its warm-up."""
        lane = cast(AnnealedSpec, spec)
        evaluations = lane.warmup * lane.leapfrog + 2
        evaluations += lane.steps * (1 if lane.method == TRANSPORT else lane.leapfrog)
        kind = ("annealed", lane.method, lane.replicas) if lane.method == TRANSPORT else None
        return Cost(evaluations, lane.replicas, lane.replicas, steps=lane.moves, kind=kind)

    def draws_noise(self, operation: object) -> bool:
        """Every operation is followed by moves that are drawn."""
        return True

    def wanders(self, spec: LaneSpec) -> bool:
        """All lanes draw noise on their way."""
        return True

    def warm_up_lanes(self, card: ModelCard) -> Iterator[AnnealedSpec]:
        """Short lanes of every method."""
        for index, method in zip(count(), cycle(METHODS), strict=False):
            yield AnnealedSpec(0, index, method=method, steps=2, warmup=2, replicas=2)


FAMILY = Annealed()
