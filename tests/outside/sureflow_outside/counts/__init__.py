"""Numbers of individuals that are born and die: the torch-free face of a family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sureflow.core.card import ModelCard
from sureflow.core.codec import Codec
from sureflow.core.condition import arrays_of
from sureflow.core.family import Cost, Family, Meaning
from sureflow.core.lane import LaneSpec
from sureflow.core.schema import Integer, Schema

MAX_STEPS = 1000


class LeapOptions(Schema):
    """How time is cut into leaps, in which rates are constant."""

    steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] = 20
    """Number of leaps."""


@dataclass(frozen=True, slots=True)
class CountSpec(LaneSpec):
    """A population to let live from time 0 to 1."""

    family: ClassVar[str] = "births"

    steps: int = 20


class CountCodec(Codec):
    """Beside arrays, a line of comma-separated numbers."""

    media_types: ClassVar[Mapping[str, str]] = {"csv": "text/csv", **Codec.media_types}
    standalone = ("csv",)

    def formats(self, card: ModelCard) -> tuple[str, ...]:
        """Lists, unless told otherwise."""
        return (*super().formats(card), "csv")

    def file(self, data: npt.NDArray[Any], format: str) -> bytes:
        """Encode counts."""
        if format != "csv":
            return super().file(data, format)
        return (",".join(str(int(count)) for count in data) + "\n").encode()


class Counts(Family):
    """Birth and death by rates that a network knows."""

    name = "births"
    spec = CountSpec
    sampler = LeapOptions
    samplers = ("leap",)
    scores: ClassVar = {
        "activity": Meaning("agitation", "events", "how many births and deaths were to be expected")
    }
    default_score = "activity"
    engine = "sureflow_outside.counts.engine:CountEngine"
    codec = CountCodec()

    def lane(
        self,
        card: ModelCard,
        seed: int,
        condition: Mapping[str, Any],
        guidance: Any,
        sampler: LeapOptions,
    ) -> CountSpec:
        """Return the first lane of a request."""
        given = arrays_of(condition, card, "condition")
        return CountSpec(seed, 0, sampler.steps, condition=given)

    def cost(self, spec: LaneSpec) -> Cost:
        """A row for every leap."""
        assert isinstance(spec, CountSpec)
        return Cost(evaluations=spec.steps, rows=1, peak=1, steps=spec.steps)

    def rewind_obstacle(self, spec: LaneSpec) -> str | None:
        """The dead do not come back."""
        return "populations cannot be taken up again"


FAMILY = Counts()


def draws(spec: LaneSpec, step: int) -> np.random.Generator:
    """Random numbers that depend on the lane and the step standalone; step 0 is the beginning."""
    key = np.array([spec.seed, spec.index], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, step, 0])))
