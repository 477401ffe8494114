"""Token sequences by masked diffusion: the torch-free face of the family.

A lane begins with all tokens masked and draws them by the network's prediction, in an order that
its sampler determines; the law of a sequence does not depend on it if the prediction is right.
Samples are the code points of characters, 0 beyond the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, cycle
from typing import ClassVar, cast

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.family import Family
from sureflow.core.lane import LaneSpec
from sureflow.families.tokens import cost, requests
from sureflow.families.tokens import setting as settings
from sureflow.families.tokens.codec import MOLECULES, TokenCodec
from sureflow.families.tokens.operation_bodies import OPERATION_BODIES
from sureflow.families.tokens.operations import OPERATIONS, Resample
from sureflow.families.tokens.options import TokenGuidance, TokenOptions
from sureflow.families.tokens.scores.catalogue import SCORES
from sureflow.families.tokens.spec import FIRST_HITTING, METHODS, TokenSpec


class Tokens(Family):
    """The family of token sequences."""

    name = "tokens"
    spec: ClassVar[type[TokenSpec]] = TokenSpec
    operations = OPERATIONS
    scores = SCORES
    default_score = "surprise"
    engine = "sureflow.families.tokens.engine:TokenEngine"
    sampler: ClassVar[type[TokenOptions]] = TokenOptions
    guidance: ClassVar[type[TokenGuidance]] = TokenGuidance
    operation_bodies = OPERATION_BODIES
    samplers = METHODS
    codec = TokenCodec()
    tensors: Mapping[str, tuple[str, str]] = {"steps": ("INT32", "sampler.steps")}
    rewind_operation = Resample()
    reference = "ancestral:32"
    wire_names: Mapping[str, str] = {
        **{name: f"sampler.{name}" for name in TokenOptions.model_fields},
        "guidance": "guidance.scale",
    }

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

    def view(self, card: ModelCard) -> str:
        """Texts; those that are molecules are drawn."""
        return "molecule" if card.notation == MOLECULES else "text"

    def obstacle(self, score: str, card: ModelCard, spec: LaneSpec) -> str | None:
        """Why a lane cannot have a score, as the end of a sentence; ``None`` if it can."""
        if SCORES[score].conditioned and not spec.condition:
            return "it compares with a condition, and there is none"
        return None

    def draws_noise(self, operation: object) -> bool:
        """Whether an operation draws noise, so that several branches with it differ."""
        return isinstance(operation, Resample)

    def wanders(self, spec: LaneSpec) -> bool:
        """Every lane draws its tokens on its way."""
        return True

    def halving_obstacle(self, spec: LaneSpec) -> str | None:
        """Why lanes cannot be compared on the way: they do not come to the same times."""
        lane = cast(TokenSpec, spec)
        if lane.method == FIRST_HITTING:
            return f"with {FIRST_HITTING} every sample has times of its own, so they do not meet"
        if lane.origin is not None:
            return "samples of an edit are not compared on the way"
        if lane.steps < 2:
            return "samples of one step have no way on which they could be compared"
        return None

    def warm_up_lanes(self, card: ModelCard) -> Iterator[TokenSpec]:
        """Lanes of one step, with what reads the finished sequence, guided and not."""
        given = {
            name: np.full(each.shape, 0.0, np.float32) for name, each in card.conditions.items()
        }
        for index, method in zip(count(), cycle(METHODS[:1]), strict=False):
            guided = bool(given) and index % 2 == 1
            yield TokenSpec(
                0,
                index,
                method,
                1,
                guidance=2.0 if guided else 1.0,
                condition=given if guided else {},
                scores=("pseudo_likelihood",),
            )


FAMILY = Tokens()
