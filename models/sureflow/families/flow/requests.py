"""From requests to lanes, or to the field that cannot be served."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from sureflow.core.card import ModelCard
from sureflow.core.condition import LABEL, ConditionOptions, arrays_of, label_of
from sureflow.core.family import Edited
from sureflow.core.lane import Array, Inverted, LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.core.size import in_words
from sureflow.families.flow.operation_bodies import ConditionOperation
from sureflow.families.flow.options import Guidance
from sureflow.families.flow.spec import FlowSpec


def lane(
    card: ModelCard,
    seed: int,
    condition: Mapping[str, Any],
    guidance: Guidance,
    sampler: Any,
) -> FlowSpec:
    """Return the first lane of a generate request; the sampler is of the family's schema.

    Raises:
        InvalidFieldError: The model cannot make it.
    """
    spec, arrays = sampler.spec(seed, 0, **sampler.lane()), dict(condition)
    spec = _sized(spec, card)
    label, fields = arrays.pop(LABEL, None), ("condition.label", "condition", "guidance.scale")
    sized = card.at(spec.size)
    spec = _negated(spec, sized, guidance.negative, "guidance.negative")
    spec = _conditioned(spec, sized, label, arrays, guidance.scale, fields)
    _check_grid(sampler, card)
    return spec


def edit(
    card: ModelCard,
    parent: LaneSpec,
    sampler: Any,
    operations: Sequence[Any],
    sample: Callable[[], Array],
) -> Edited:
    """Return the lane that continues from a parent, and its operations.

    Raises:
        InvalidFieldError: The model cannot serve a field of the request.
    """
    spec, numbered = cast(FlowSpec, parent), list(enumerate(operations))
    whole, card = card, card.at(spec.size)
    conditions = [each for each in numbered if isinstance(each[1], ConditionOperation)]
    if len(conditions) > 1:
        raise InvalidFieldError("operations", "one condition at most")
    for number, body in conditions:  # which is a field of the lane
        fields = tuple(f"operations.{number}.{name}" for name in ("label", "arrays", "scale"))
        spec = _negated(spec, card, body.negative, f"operations.{number}.negative")
        spec = _conditioned(spec, card, body.label, body.arrays or {}, body.scale, fields)
    made: list[tuple[int, object]] = [
        (number, body.read(card, sample, f"operations.{number}"))
        for number, body in numbered
        if not isinstance(body, ConditionOperation)
    ]
    if sampler is None:
        return spec, made
    if getattr(sampler, "parallel", None) is not None:
        raise InvalidFieldError("sampler.parallel", "not for the rest of a trajectory")
    _check_grid(sampler, card)
    lane, own = sampler.lane(), spec.size or whole.sizes[0]
    if lane.pop("size") not in (None, own):
        raise InvalidFieldError("sampler.size", f"a trajectory keeps its own, {in_words(own)}")
    return replace(spec, **lane), made


def canonical(card: ModelCard, spec: LaneSpec) -> FlowSpec:
    """The lane without a size if that is the default one, and with that of the sample given."""
    lane = cast(FlowSpec, spec)
    size = None if lane.size is None else (*lane.size,)
    if size is None and isinstance(lane.origin, Inverted):
        size = card.size_of(np.shape(lane.origin.data))
    size = None if size == card.sizes[0] else size
    return lane if size == lane.size else replace(lane, size=size)


def _sized(spec: FlowSpec, card: ModelCard) -> FlowSpec:
    """The lane in its canonical form, if the model makes samples of its size."""
    spec = canonical(card, spec)
    try:
        card.at(spec.size)
    except ValueError as error:
        raise InvalidFieldError("sampler.size", str(error).removeprefix("size: ")) from None
    return spec


def _conditioned(
    spec: FlowSpec,
    card: ModelCard,
    label: int | str | None,
    arrays: Mapping[str, Any],
    scale: float | None,
    fields: Sequence[str],
) -> FlowSpec:
    """The lane with another condition, as far as it is given; ``fields`` name it in errors."""
    number = spec.label if label is None else label_of(label, card, fields[0])
    found = arrays_of(arrays, card, fields[1])
    kept = {name: array for name, array in spec.condition.items() if name not in arrays}
    guidance = spec.guidance if scale is None else scale
    condition = {**kept, **{name: _typed(array, name, card) for name, array in found.items()}}
    spec = replace(spec, label=number, condition=condition, guidance=guidance)
    if spec.label is None and card.needs_label:
        allowed = f"choose from 0 to {len(card.classes) - 1} or {', '.join(card.classes)}"
        raise InvalidFieldError(fields[0], f"{card.name} needs one; {allowed}")
    for name in (name for name in card.required if name not in condition):
        raise InvalidFieldError(f"{fields[1]}.{name}", f"{card.name} needs it for every sample")
    if spec.guidance != 1 and (what := card.lacking(spec.negative_label, spec.negative)):
        message = f"{card.name} knows no sample without {what} to guide from"
        raise InvalidFieldError(fields[2], message)
    if not (spec.conditioned or spec.negated) and spec.guidance != 1:
        needed = "a condition" if card.conditions else "condition.label"
        raise InvalidFieldError(fields[2], f"a scale other than 1 needs {needed}")
    if spec.negated and spec.guidance == 1:
        raise InvalidFieldError(fields[2], "a negative condition needs a scale other than 1")
    return spec


def _negated(
    spec: FlowSpec, card: ModelCard, negative: ConditionOptions | None, field: str
) -> FlowSpec:
    """The lane with another negative condition, if one is given."""
    if negative is None:
        return spec
    arrays = negative.given()
    label = arrays.pop(LABEL, None)
    number = None if label is None else label_of(label, card, f"{field}.{LABEL}")
    found = arrays_of(arrays, card, field)
    floats = {name: _typed(array, name, card) for name, array in found.items()}
    return replace(spec, negative=floats, negative_label=number)


def _typed(array: npt.NDArray[np.generic], name: str, card: ModelCard) -> npt.NDArray[np.generic]:
    """An array in the type that velocity networks take; tokens for an encoder stay as they are."""
    encoded = card.conditions[name].prompt is not None and array.dtype == np.int64
    return array if encoded else np.asarray(array, np.float32)


def _check_grid(sampler: Any, card: ModelCard) -> None:
    grid = getattr(sampler, "grid", None)
    if grid is not None and grid not in card.grids:
        message = f"{card.name} has only {', '.join(card.grids)}"
        raise InvalidFieldError("sampler.grid", message)
