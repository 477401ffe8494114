"""From an edit request to the lane that continues, or to the field that cannot be served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.condition import label_of
from sureflow.core.invalid_field import InvalidFieldError
from sureflow.core.json_array import read_array, read_mask
from sureflow.core.lane import Array, LaneSpec
from sureflow.core.schema import Schema
from sureflow.core.wire import Edited
from sureflow.families.flow.generate_request import check_guidance, floats_of, resampled
from sureflow.families.flow.operation_bodies import (
    ConditionOperation,
    GuideOperation,
    InpaintOperation,
    MaskRegion,
    ResampleOperation,
    UncertainRegion,
)
from sureflow.families.flow.operation_bodies import Region as RegionBody
from sureflow.families.flow.operations import Guide, Inpaint, Operation, Region, Resample, Uncertain
from sureflow.families.flow.spec import FlowSpec


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
    spec = _reconditioned(cast(FlowSpec, parent), operations, card)
    made = [
        (number, _operation(body, card, sample, f"operations.{number}"))
        for number, body in enumerate(operations)
        if not isinstance(body, ConditionOperation)  # which is a field of the lane
    ]
    return resampled(spec, sampler, card), [*made]


def _reconditioned(spec: FlowSpec, bodies: Sequence[Schema], card: ModelCard) -> FlowSpec:
    """The lane with the condition and the guidance of an edit."""
    if sum(isinstance(body, ConditionOperation) for body in bodies) > 1:
        raise InvalidFieldError("operations", "one condition at most")
    for number, body in enumerate(bodies):
        if isinstance(body, ConditionOperation):
            field = f"operations.{number}"
            if body.label is not None:
                spec = replace(spec, label=label_of(body.label, card, f"{field}.label"))
            if body.arrays is not None:
                arrays = floats_of(body.arrays, card, f"{field}.arrays")
                spec = replace(spec, condition={**spec.condition, **arrays})
            if body.scale is not None:
                spec = replace(spec, guidance=body.scale)
            check_guidance(spec, card, f"{field}.scale")
    return spec


def _operation(body: Schema, card: ModelCard, sample: Callable[[], Array], field: str) -> Operation:
    if isinstance(body, ResampleOperation):
        return Resample(body.strength, _region(body.region, card, f"{field}.region"))
    if isinstance(body, InpaintOperation):
        mask = _mask(body.mask, card, f"{field}.mask")
        if body.known is None:
            return Inpaint(mask, sample(), body.inner)
        known = read_array(body.known, card.shape, f"{field}.known")
        return Inpaint(mask, known, body.inner)
    return _guide(cast(GuideOperation, body), card, field)


def draws_noise(operation: object) -> bool:
    """Whether an operation draws noise."""
    return isinstance(operation, Resample) or (
        isinstance(operation, Inpaint) and operation.inner > 1
    )


def _region(region: RegionBody, card: ModelCard, field: str) -> Region:
    if isinstance(region, UncertainRegion):
        return Uncertain(region.uncertain)
    if isinstance(region, MaskRegion):
        return _mask(region.mask, card, f"{field}.mask")
    return "all"


def _mask(written: Any, card: ModelCard, field: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = read_mask(written, card.shape, field)
    if not mask.any():
        raise InvalidFieldError(field, "is above 0 nowhere")
    return mask


def _guide(body: GuideOperation, card: ModelCard, field: str) -> Guide:
    """Read a guide; the worker, which knows the operators, checks its other fields."""
    guide = Guide(body.operator, body.strength, factor=body.factor, sigma=body.sigma)
    try:
        shape = guide.measured(card.shape)
    except ValueError as error:
        raise InvalidFieldError(f"{field}.factor", str(error).removeprefix("factor: ")) from error
    target = None if body.target is None else read_array(body.target, shape, f"{field}.target")
    mask = None if body.mask is None else _mask(body.mask, card, f"{field}.mask")
    return replace(guide, target=target, mask=mask)
