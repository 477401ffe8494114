"""From requests to lanes, or to the field that cannot be served. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from sureflow.core.card import ModelCard
from sureflow.core.condition import arrays_of
from sureflow.core.family import Edited
from sureflow.core.lane import Array, LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.families.annealed.operation_bodies import DensityConditionOperation
from sureflow.families.annealed.options import AnnealedOptions
from sureflow.families.annealed.spec import TEMPERATURE, AnnealedSpec

Arrays = dict[str, npt.NDArray[np.generic]]


def lane(
    card: ModelCard,
    seed: int,
    condition: Mapping[str, Any],
    guidance: Any,
    sampler: AnnealedOptions,
) -> AnnealedSpec:
    """Return the first lane of a generate request.

    Raises:
        InvalidFieldError: The model cannot make it.
    """
    return AnnealedSpec(seed, 0, condition=_given(condition, card, "condition"), **sampler.lane())


def edit(
    card: ModelCard,
    parent: LaneSpec,
    sampler: AnnealedOptions | None,
    operations: Sequence[Any],
    sample: Callable[[], Array],
) -> Edited:
    """Return the lane that continues from a parent, and its operations.

    Raises:
        InvalidFieldError: The model cannot serve a field of the request.
    """
    spec = cast(AnnealedSpec, parent)
    if sampler is not None:
        raise InvalidFieldError("sampler", "a run keeps that of its start; leave it out")
    made: list[tuple[int, object]] = []
    for number, body in enumerate(operations):
        field = f"operations.{number}"
        if isinstance(body, DensityConditionOperation):
            arrays = _given(body.arrays, card, f"{field}.arrays")
            spec = replace(spec, condition={**spec.condition, **arrays})
        else:
            made.append((number, body.read(card, sample, field)))
    return spec, made


def _given(written: Mapping[str, Any], card: ModelCard, field: str) -> Arrays:
    arrays = arrays_of(written, card, field)
    if TEMPERATURE in arrays and np.any(np.asarray(arrays[TEMPERATURE], np.float64) <= 0):
        raise InvalidFieldError(f"{field}.{TEMPERATURE}", "should be above 0")
    return arrays
