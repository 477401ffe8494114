"""What all bodies of requests and answers are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Placement = Literal["uniform", "fitted"]
ScoreName = Literal[
    "propagated",
    "propagated_late",
    "likelihood",
    "path_residual",
    "pooled_residual",
    "straightness",
    "trajectory",
    "probe",
    "adherence",
    "adherence_contrast",
    "divergence",
    "residual",
]
"""Scores that can be asked for; a test holds them to those of the library."""

Integer = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


class Schema(BaseModel):
    """Base of every part of requests and answers; fields are documented where they stand."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
