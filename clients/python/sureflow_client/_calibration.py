"""What was learned of a setting."""

from __future__ import annotations

from typing import Any

from ._result import Usage
from ._wire import Wire


class Check(Wire):
    """A setting at which confidence was interpolated, and tried."""

    setting: dict[str, Any]
    """How its samples were made."""

    error: dict[str, float]
    """By score: distance from uniform; up to 0.05 the range around it is calibrated."""


class Calibration(Wire):
    """What a job of `Jobs.calibrate` came to."""

    model: str
    """Name of the model."""

    model_version: str
    """Its checksum, as before: samples do not depend on the calibration."""

    calibration_version: str
    """That of what turns scores into confidence from now on."""

    setting: dict[str, Any]
    """What was calibrated."""

    draws: int
    """How many samples were drawn there."""

    error: dict[str, float]
    """By score: how far from uniform confidence may still be."""

    calibrated: tuple[str, ...]
    """The scores by which confidence is a share of samples there."""

    checks: tuple[Check, ...]
    """Between this setting and those measured before."""

    kept: bool
    """Whether it outlives the server."""

    usage: Usage
    """What it cost."""

    warnings: tuple[str, ...] = ()
    """What went wrong and did not keep it from being done."""
