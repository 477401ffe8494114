"""The sampler options of a request for samples of a density. Free of torch."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from sureflow.core.schema import Integer, Number, OneOf, Schema
from sureflow.families.annealed.spec import (
    ANNEALING,
    LANGEVIN,
    MAX_LEAPFROG,
    MAX_REPLICAS,
    MAX_STEPS,
    METHODS,
    TRANSPORT,
    AnnealedSpec,
)

MAX_BUDGET = 10_000_000

USUAL = AnnealedSpec(0, 0)


class AnnealedOptions(Schema):
    """How a sample of the density is made, by `steps` or by a `budget` of evaluations."""

    method: Annotated[str, OneOf(METHODS)] = ANNEALING
    """ais: annealed importance sampling, whose samples have weights; pt: parallel tempering; cds:
    conditional diffusion sampling, that is tempering and then a transport; mala: chains of the
    target alone, for comparison."""

    steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] | None = None
    """Moves after the warm-up; 100 where neither this nor a budget is given."""

    warmup: Annotated[Integer, Field(ge=0, le=MAX_STEPS)] | None = None
    """Moves by which every sample tunes its ladder and its step sizes; by default as many as
    steps. They are fixed from then on."""

    replicas: Annotated[Integer, Field(ge=1, le=MAX_REPLICAS)] = USUAL.replicas
    """Points that are moved together for one sample: the temperatures of the ladder, the particles
    that are annealed, or the chains of mala. At least 2, but for mala."""

    leapfrog: Annotated[Integer, Field(ge=1, le=MAX_LEAPFROG)] = USUAL.leapfrog
    """Gradients of a move. 1 is a Langevin step; more make it Hamiltonian Monte Carlo."""

    budget: Annotated[Integer, Field(ge=1, le=MAX_BUDGET)] | None = None
    """Evaluations of the density for one sample, in place of steps; half of the moves tune."""

    start: Annotated[Number, Field(ge=1e-3, le=0.9)] = USUAL.start
    """With cds: the time in (0, 1) at which the transport begins."""

    noise: Annotated[Number, Field(ge=0.001, le=10)] = USUAL.noise
    """With cds: variance of the first step of the transport, relative to that of a tuned move."""

    @field_validator("replicas", "budget")
    @classmethod
    def _consistent(cls, value: Any, info: ValidationInfo) -> Any:
        if why := _contradiction(str(info.field_name), value, info.data):
            raise PydanticCustomError("rule", "{why}", {"why": why})
        return value

    def lane(self) -> dict[str, Any]:
        """Return the options as fields of a lane."""
        steps = self._steps()
        return {
            "method": self.method,
            "steps": steps,
            "warmup": steps if self.warmup is None else self.warmup,
            "replicas": self.replicas,
            "leapfrog": self.leapfrog,
            "start": self.start,
            "noise": self.noise,
        }

    def _steps(self) -> int:
        if self.budget is None:
            return self.steps or USUAL.steps
        move = self.replicas * self.leapfrog
        both = move + 1 if self.method == TRANSPORT else 2 * move
        return min(max(self.budget // both, 1), MAX_STEPS)


def _contradiction(field: str, value: Any, given: dict[str, Any]) -> str | None:
    """Why a field does not go with the valid ones before it; they are absent if they are wrong."""
    if field == "replicas" and value < 2 and given.get("method", LANGEVIN) != LANGEVIN:
        return f"{given['method']} needs at least 2"
    if field == "budget" and value is not None:
        if given.get("steps") is not None or given.get("warmup") is not None:
            return "stands for steps and warmup; leave them out"
        least = 2 * given.get("replicas", 1) * given.get("leapfrog", 1)
        if value < least:
            return f"does not suffice for a move of each point before and after tuning, {least}"
    return None
