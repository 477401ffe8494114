"""The sampler options of a request for a diffusion model."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from sureflow.core.schema import Number, OneOf
from sureflow.families.diffusion.spec import NOISY, DiffusionSpec
from sureflow.families.flow.options import SamplerOptions

MAX_CHURN = 1000.0


class DiffusionOptions(SamplerOptions):
    """How the sample is made from noise (t = 0) to data (t = 1).

    By `steps` on a fixed grid, or by `tolerance` with steps that every sample chooses for itself.
    Without `eta` and `churn` it follows the probability-flow ODE, with them an SDE.
    """

    spec: ClassVar[type[DiffusionSpec]] = DiffusionSpec

    grid: Annotated[str, OneOf(DiffusionSpec.grids)] | None = None
    """Without a tolerance: where the steps are placed. native, the default: the model's own
    schedule; karras; logsnr; uniform: equal steps of t; fitted: as was found best for this model,
    where it has such a grid; `GET /v1/models` tells."""

    eta: Annotated[Number, Field(ge=0, le=1)] = 0.0
    """Share of the noise that is drawn anew between two steps: 0 is the ODE, with the method euler
    DDIM; 1 is ancestral sampling, DDPM, with dpmpp_2m its SDE. Not with a tolerance, parallel, ab2
    or unipc."""

    churn: Annotated[Number, Field(ge=0, le=MAX_CHURN)] = 0.0
    """Noise added before the steps, as S_churn of Karras et al. (2022). Not with a tolerance,
    parallel, or methods that use earlier steps: ab2, dpmpp_2m, unipc."""

    @field_validator("eta", "churn")
    @classmethod
    def _for_fixed_steps(cls, value: float, info: ValidationInfo) -> float:
        if value and (why := _obstacle(str(info.field_name), info.data)):
            raise PydanticCustomError("rule", "{why}", {"why": why})
        return value


def _obstacle(name: str, given: dict[str, Any]) -> str | None:
    """Why there cannot be noise between the steps; fields that are wrong are absent."""
    if given.get("tolerance") is not None:
        return "is for fixed steps, not for a tolerance"
    if given.get("parallel") is not None:
        return "is for one step after another, not for parallel ones"
    method = given.get("method", "heun")
    if method not in NOISY[name]:
        return f"not with {method}, which uses earlier steps"
    return None
