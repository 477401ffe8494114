"""The sampler and guidance options of a request for a flow."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from sureflow.core.condition import ConditionOptions
from sureflow.core.schema import Integer, Number, OneOf, Schema
from sureflow.families.flow.spec import (
    DEFAULT_MAX_STEPS,
    DEFAULT_MIN_STEPS,
    DEFAULT_PARALLEL_TOLERANCE,
    GRIDS,
    MAX_PARALLEL,
    MAX_STEPS,
    MIN_TOLERANCE,
    PARALLEL_METHODS,
    FlowSpec,
)
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, EVALUATIONS, METHODS

MAX_GUIDANCE = 100.0

MAX_SIDE = 1 << 26
LENGTHS = Field(min_length=1, max_length=8)
"""How many numbers a size may have."""

COSTS = ", ".join(f"{name} {evaluations}" for name, evaluations in EVALUATIONS.items())


class Guidance(Schema):
    """Classifier-free guidance."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] = 1.0
    """1 is the plain conditional model; any other scale needs a condition and costs a second
    network row per evaluation."""

    negative: ConditionOptions | None = None
    """What to lead away from, in place of no condition; as `condition`. It needs another scale than
    1."""


class ParallelOptions(Schema):
    """Steps evaluated ahead of time: an answer after fewer network calls, each of more rows.

    Worth it where the device has rows to spare.
    """

    window: Annotated[Integer, Field(ge=1, le=MAX_PARALLEL)]
    """Steps evaluated at once: the next one, and those that are expected to follow."""

    tolerance: Annotated[Number, Field(ge=0, le=1)] = DEFAULT_PARALLEL_TOLERANCE
    """How far from its own start a step may have been evaluated: rms over the components, in data
    units. With 0 the sample has the bytes of one step after another."""


class SamplerOptions(Schema):
    """How the flow is integrated from noise (t = 0) to data (t = 1).

    By `steps` on a fixed grid, or by `tolerance` with steps that every sample chooses for itself.
    """

    spec: ClassVar[type[FlowSpec]] = FlowSpec

    method: Annotated[
        str,
        OneOf(METHODS),
        Field(
            description=f"Evaluations per step of a fixed grid: {COSTS}. Those that can keep to a "
            f"tolerance: {', '.join(ADAPTIVE_METHODS)}."
        ),
    ] = "heun"

    steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] | None = None
    """Number of steps; 20 where neither this nor a tolerance is given."""

    tolerance: Annotated[Number, Field(ge=MIN_TOLERANCE, le=1)] | None = None
    """Error allowed per step, as a share of 1 + |x| per component. Easy samples take fewer steps,
    undecided ones more."""

    min_steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] | None = None
    """With a tolerance: fewest steps, by default 3."""

    max_steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] | None = Field(
        default=None, validate_default=True
    )
    """With a tolerance: most steps to try, by default 250. A sample that runs out of them goes to
    the end in its last one and has the finish_reason max_steps."""

    grid: Annotated[str, OneOf(GRIDS)] | None = None
    """Without a tolerance: where the steps are placed. uniform, the default: all equal; fitted: as
    was found best for this model, where it has such a grid; `GET /v1/models` tells."""

    size: Annotated[list[Annotated[Integer, Field(ge=1, le=MAX_SIDE)]], LENGTHS] | None = None
    """Of the sample: height and width of an image, or length, one of the model's `sizes`, which
    `GET /v1/models` lists; by default the first of them. A trajectory keeps that of its start."""

    parallel: ParallelOptions | None = None
    """With the method euler and steps: evaluate several of them at once."""

    @field_validator("tolerance", "min_steps", "max_steps", "grid", "parallel")
    @classmethod
    def _consistent(cls, value: Any, info: ValidationInfo) -> Any:
        if why := _contradiction(str(info.field_name), value, info.data):
            raise PydanticCustomError("rule", "{why}", {"why": why})
        return value

    def lane(self) -> dict[str, Any]:
        """Return the options as fields of a lane; those that are left out have their defaults."""
        options = self.model_dump(exclude={"parallel"})
        if self.parallel is not None:
            options["parallel"] = self.parallel.window
            options["parallel_tolerance"] = self.parallel.tolerance
        if self.size is not None:
            options["size"] = tuple(self.size)
        defaults = {field.name: field.default for field in fields(self.spec)}
        known = {name: value for name, value in options.items() if name in defaults}
        return {k: defaults[k] if value is None else value for k, value in known.items()}


def _contradiction(field: str, value: Any, given: dict[str, Any]) -> str | None:
    """Why a field does not go with the valid ones before it; they are absent if they are wrong."""
    if field == "max_steps":
        most, fewest = value or DEFAULT_MAX_STEPS, given.get("min_steps", 1) or DEFAULT_MIN_STEPS
        if most < fewest and (value is None or given.get("tolerance", 1) is not None):
            return f"{most} is below min_steps, which is {fewest}"
    if value is None:
        return None
    if field == "tolerance" and given.get("steps") is not None:
        return "give steps or tolerance, not both"
    if field == "tolerance" and given.get("method", "heun") not in ADAPTIVE_METHODS:
        able = ", ".join(ADAPTIVE_METHODS)
        return f"{given['method']} does not estimate its error; choose from {able}"
    if field in ("min_steps", "max_steps") and given.get("tolerance", 1) is None:
        return "needs a tolerance; a fixed grid has steps"
    if field == "grid" and given.get("tolerance") is not None:
        return "is for fixed steps; with a tolerance leave it out"
    if field == "parallel" and given.get("method", "euler") not in PARALLEL_METHODS:
        return f"not with {given['method']}; choose from {', '.join(PARALLEL_METHODS)}"
    return None
