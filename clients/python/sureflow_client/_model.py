"""What the server says about its models."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ._wire import Wire


class Model(Wire):
    """The card of one model."""

    name: str
    """The name that requests use."""

    version: str
    """Its checksum; equal version and equal request give equal samples."""

    media: str
    """``image`` (values in [-1, 1], shape ``[channels, height, width]``) or ``vector``."""

    shape: tuple[int, ...]
    """Shape of one sample."""

    classes: tuple[str, ...]
    """Names of the classes by label; empty for an unconditional model."""

    parameters: int
    """Number of network parameters."""

    calibrated: dict[str, Any] = Field(default_factory=dict)
    """Settings for which ``confidence`` is calibrated; empty when it is not."""

    provenance: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Data, seed, steps, commit and metrics of the training run."""


class ModelList(Wire):
    """The answer of ``GET /v1/models``."""

    models: tuple[Model, ...]
