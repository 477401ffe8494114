"""From requests for sequences to lanes, or to the field that cannot be served. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from sureflow.core.card import ModelCard
from sureflow.core.condition import arrays_of
from sureflow.core.family import Edited
from sureflow.core.lane import Array, LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.families.tokens.operation_bodies import TokenConditionOperation
from sureflow.families.tokens.options import TokenGuidance, TokenOptions
from sureflow.families.tokens.spec import TokenSpec


def lane(
    card: ModelCard,
    seed: int,
    condition: Mapping[str, Any],
    guidance: TokenGuidance,
    sampler: TokenOptions,
) -> TokenSpec:
    """Return the first lane of a generate request.

    Raises:
        InvalidFieldError: The model cannot make it.
    """
    found = arrays_of(condition, card, "condition")
    if guidance.scale != 1 and not found:
        raise InvalidFieldError("guidance.scale", "a scale other than 1 needs a condition")
    options = sampler.model_dump()
    return TokenSpec(seed, 0, **options, guidance=guidance.scale, condition=found)


def edit(
    card: ModelCard,
    parent: LaneSpec,
    sampler: TokenOptions | None,
    operations: Sequence[Any],
    sample: Callable[[], Array],
) -> Edited:
    """Return the lane that continues from a parent, and its operations.

    Raises:
        InvalidFieldError: The model cannot serve a field of the request.
    """
    spec, made = cast(TokenSpec, parent), list[tuple[int, object]]()
    for number, body in enumerate(operations):
        field = f"operations.{number}"
        if not isinstance(body, TokenConditionOperation):
            made.append((number, body.read(card, sample, field)))
            continue
        found = arrays_of(body.arrays or {}, card, f"{field}.arrays")
        scale = spec.guidance if body.scale is None else body.scale
        spec = replace(spec, condition={**spec.condition, **found}, guidance=scale)
        if spec.guidance != 1 and not spec.condition:
            raise InvalidFieldError(f"{field}.scale", "a scale other than 1 needs a condition")
    if sampler is not None:
        spec = replace(spec, **sampler.model_dump())
    return spec, made
