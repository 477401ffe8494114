"""Bodies of verdicts, and of their answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from sureflow.core.schema import LARGEST, MOST, AtMost, Integer, Name, Number, Schema
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.store.verdict import BAD, GOOD

AT_ONCE = 100
"""Verdicts of one request."""

WAYS = ("draw", "handle", "response", "recipe")
"""By which a sample is named."""


_Named = Literal["good", "bad"]
_Bounded = Annotated[Number, Field(ge=-LARGEST, le=LARGEST)]
_number: TypeAdapter[float] = TypeAdapter(_Bounded)


def _said(value: object) -> float | None:
    """Return how bad a verdict says that a sample is; None takes back what was said."""
    known: dict[object, float | None] = {"good": GOOD, "bad": BAD, None: None}
    if value is None or isinstance(value, str):
        if value in known:
            return known[value]
        raise PydanticCustomError("verdict", "Input should be 'good', 'bad', a number or null")
    return _number.validate_python(value)


Said = Annotated[
    float | None, PlainValidator(_said, json_schema_input_type=_Named | _Bounded | None)
]
"""How bad a sample is."""


class VerdictEntry(Schema):
    """What a reviewer says of one sample.

    Name it by exactly one of `draw`, `handle`, `response` and `recipe`.
    """

    verdict: Said
    """`good`, `bad`, or a number, larger the worse the sample is; `good` is 0 and `bad` is 1. null
    takes back what the same reviewer has said of the sample before."""

    draw: Name | None = None
    """The `draw` of a sample that `GET /v1/models/{name}/review` proposed. These verdicts alone
    make certificates, since the server chose the samples."""

    handle: Name | None = None
    """One's own handle, of a sample or of a branch."""

    response: Name | None = None
    """The `id` of an answer to the same key, given a while ago at most by this server; with
    `index`."""

    recipe: GenerateRequest | None = None
    """The request that makes the sample, with its `seed`; with `index`, by default `first`. What it
    says of filter, rewind and output does not matter."""

    index: Annotated[Integer, Field(ge=0, le=MOST)] | None = None
    """Which sample of the response or of the recipe."""

    @model_validator(mode="after")
    def _named_once(self) -> VerdictEntry:
        named = [way for way in WAYS if getattr(self, way) is not None]
        if len(named) != 1:
            raise PydanticCustomError("named_once", f"give exactly one of {', '.join(WAYS)}")
        if named[0] == "response" and self.index is None:
            raise PydanticCustomError("index", "index: which sample of the response")
        if named[0] in ("draw", "handle") and self.index is not None:
            raise PydanticCustomError("index", f"index: leave it out with {named[0]}")
        if self.recipe is not None and self.recipe.seed is None:
            raise PydanticCustomError("seed", "recipe.seed: without it the sample is any")
        return self


class VerdictsRequest(Schema):
    """Verdicts on samples that the server made."""

    verdicts: Annotated[tuple[VerdictEntry, ...], AtMost(AT_ONCE), Field(min_length=1)]
    """All are kept, or none is. Of several on the same sample the last counts."""


class WithdrawnRecord(Schema):
    """A certificate that the verdicts contradict."""

    model: str
    reason: str


class VerdictsResponse(Schema):
    """What was done."""

    kept: int
    taken_back: int
    reviewer: str
    """Whose verdicts they are: the name of the key; empty without keys."""

    samples: list[str]
    """What tells each sample from others, in the order of the request; as in the export."""

    withdrawn: list[WithdrawnRecord]
    """Certificates that `filter.max_bad_rate` no longer goes by, after these verdicts."""
