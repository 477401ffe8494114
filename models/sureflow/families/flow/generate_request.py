"""From a generate request to its first lane, or to the field that cannot be served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.condition import LABEL, arrays_of, label_of
from sureflow.core.invalid_field import InvalidFieldError
from sureflow.core.lane import Array
from sureflow.families.flow.options import Guidance, SamplerOptions
from sureflow.families.flow.spec import FlowSpec

SAMPLER = ("method", "steps", "tolerance", "min_steps", "max_steps", "grid")
"""Fields of a lane that an edit may change by its sampler."""


def lane(
    card: ModelCard,
    seed: int,
    condition: Mapping[str, Any],
    guidance: Guidance,
    sampler: SamplerOptions,
) -> FlowSpec:
    """Return the first lane of a request.

    Raises:
        InvalidFieldError: The model cannot make it.
    """
    label = None
    if LABEL in condition:
        label = label_of(condition[LABEL], card, "condition.label")
    others = {name: value for name, value in condition.items() if name != LABEL}
    spec = FlowSpec(
        seed,
        0,
        label=label,
        guidance=guidance.scale,
        condition=floats_of(others, card, "condition"),
        **sampler.lane(),
    )
    check_guidance(spec, card, "guidance.scale")
    check_grid(sampler, card)
    return spec


def floats_of(written: Mapping[str, Any], card: ModelCard, field: str) -> dict[str, Array]:
    """Return the named arrays of a request in float32, the type that velocity networks take.

    Raises:
        InvalidFieldError: See :func:`~sureflow.core.condition.arrays_of`.
    """
    found = arrays_of(written, card, field)
    return {name: np.asarray(array, np.float32) for name, array in found.items()}


def resampled(parent: FlowSpec, sampler: SamplerOptions | None, card: ModelCard) -> FlowSpec:
    """Return a parent's lane with the sampler of an edit.

    Raises:
        InvalidFieldError: The rest of a trajectory cannot be integrated with this sampler.
    """
    if sampler is None:
        return parent
    if sampler.parallel is not None:
        raise InvalidFieldError("sampler.parallel", "not for the rest of a trajectory")
    check_grid(sampler, card)
    plain = FlowSpec(parent.seed, parent.index, **sampler.lane())
    return replace(parent, **{name: getattr(plain, name) for name in SAMPLER})


def check_guidance(spec: FlowSpec, card: ModelCard, field: str) -> None:
    """Check that a lane with guidance has a condition.

    Raises:
        InvalidFieldError: It has none.
    """
    if not spec.conditioned and spec.guidance != 1:
        needed = "a condition" if card.conditions else "condition.label"
        raise InvalidFieldError(field, f"a scale other than 1 needs {needed}")


def check_grid(sampler: SamplerOptions, card: ModelCard) -> None:
    """Check that the model has the grid of a sampler.

    Raises:
        InvalidFieldError: It does not.
    """
    if sampler.grid is not None and sampler.grid not in card.grids:
        message = f"{card.name} has only {', '.join(card.grids)}"
        raise InvalidFieldError("sampler.grid", message)
