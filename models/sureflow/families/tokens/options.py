"""The sampler and guidance options of a request for sequences. Free of torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from sureflow.core.schema import Integer, Number, OneOf, Schema
from sureflow.families.tokens.spec import (
    ANCESTRAL,
    MAX_GUIDANCE,
    MAX_STEPS,
    MAX_TEMPERATURE,
    METHODS,
    MIN_TEMPERATURE,
    REMASKING,
)


class TokenOptions(Schema):
    """How tokens become known, from none (t = 0) to all (t = 1)."""

    method: Annotated[str, OneOf(METHODS)] = ANCESTRAL
    """ancestral: each with the same chance; first_hitting: one after another, at the exact times of
    the process; confidence: the surest first; remasking: known ones may be masked again."""

    steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] = 32
    """Evaluations, in equal steps of time; of first_hitting there is one for every token."""

    temperature: Annotated[Number, Field(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)] = 1.0
    """Tokens are drawn in proportion to p^(1 / temperature); below 1 the probable ones more."""

    top_p: Annotated[Number, Field(gt=0, le=1)] = 1.0
    """Tokens are drawn from the fewest that have this probability together; 1: from all."""

    remask: Annotated[Number, Field(ge=0, le=1)] = 0.0
    """Of remasking: how many known tokens are masked again, as a share of the most that can be."""

    @field_validator("remask")
    @classmethod
    def _of_remasking(cls, value: float, info: ValidationInfo) -> float:
        if value and info.data.get("method", REMASKING) != REMASKING:
            why = f"is for the method {REMASKING}"
            raise PydanticCustomError("rule", "{why}", {"why": why})
        return value


class TokenGuidance(Schema):
    """Classifier-free guidance."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] = 1.0
    """1 is the plain conditional model; any other scale needs a condition and costs a second
    network row per evaluation."""
