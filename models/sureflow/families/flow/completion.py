"""The sampler of a request, completed by what holds where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS

OF_A_TOLERANCE = ("tolerance", "min_steps", "max_steps")
"""Options of steps that samples choose; those of fixed ones exclude them."""


def options_of(spec: FlowSpec) -> dict[str, Any]:
    """Return the sampler options by which a lane is integrated, but for its size."""
    if spec.tolerance is None:
        return {"method": spec.method, "steps": spec.steps, "grid": spec.grid, **spec.run_by}
    return {"method": spec.method, **{name: getattr(spec, name) for name in OF_A_TOLERANCE}}


def completed(given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, and the usual ones for those that were left out.

    Fixed steps take the place of a tolerance, and a tolerance that of fixed steps, with all that
    belongs to them. So does a method that cannot keep to a tolerance.
    """
    said = {name for name, value in given.items() if value}
    of_fixed_steps = said.difference(OF_A_TOLERANCE, ("method", "size"))
    method = given.get("method") or ADAPTIVE_METHODS[0]
    kept = dict(usual)
    if of_fixed_steps or method not in ADAPTIVE_METHODS:
        kept = {name: value for name, value in usual.items() if name not in OF_A_TOLERANCE}
    elif "tolerance" in said:
        kept = {name: usual[name] for name in ("method", *OF_A_TOLERANCE) if name in usual}
    return {**kept, **{name: value for name, value in given.items() if value is not None}}
