"""From requests for counts to lanes, or to the field that cannot be served. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from sureflow.core.card import ModelCard
from sureflow.core.condition import LABEL, arrays_of, label_of
from sureflow.core.family import Edited
from sureflow.core.lane import Array, LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.families.counts.operation_bodies import CountConditionOperation
from sureflow.families.counts.options import CountGuidance, CountOptions
from sureflow.families.counts.spec import CountSpec

NO_LABEL = "a scale other than 1 needs a label"


def lane(
    card: ModelCard,
    seed: int,
    condition: Mapping[str, Any],
    guidance: CountGuidance,
    sampler: CountOptions,
) -> CountSpec:
    """Return the first lane of a generate request.

    Raises:
        InvalidFieldError: The model cannot make it.
    """
    rest = dict(condition)
    label = rest.pop(LABEL, None)
    arrays_of(rest, card, "condition")  # there is none that a model of counts takes
    number = None if label is None else label_of(label, card, f"condition.{LABEL}")
    if guidance.scale != 1 and number is None:
        raise InvalidFieldError("guidance.scale", NO_LABEL)
    return CountSpec(seed, 0, sampler.method, sampler.steps, number, guidance.scale)


def edit(
    card: ModelCard,
    parent: LaneSpec,
    sampler: CountOptions | None,
    operations: Sequence[Any],
    sample: Callable[[], Array],
) -> Edited:
    """Return the lane that continues from a parent, and its operations.

    Raises:
        InvalidFieldError: The model cannot serve a field of the request.
    """
    spec, made = cast(CountSpec, parent), list[tuple[int, object]]()
    for number, body in enumerate(operations):
        field = f"operations.{number}"
        if not isinstance(body, CountConditionOperation):
            made.append((number, body.read(card, sample, field)))
            continue
        if body.label is not None:
            spec = replace(spec, label=label_of(body.label, card, f"{field}.label"))
        if body.scale is not None:
            spec = replace(spec, guidance=body.scale)
        if spec.guidance != 1 and spec.label is None:
            raise InvalidFieldError(f"{field}.scale", NO_LABEL)
    if sampler is not None:
        spec = replace(spec, method=sampler.method, steps=sampler.steps)
    return spec, made
