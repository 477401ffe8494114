"""What a client may know about a model: plain data, free of torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

ConditionKind = Literal["label", "vector", "text", "tokens", "mask", "composition", "structure"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A named array that a model can be conditioned on.

    Attributes:
        kind: What it is.
        shape: Of the array of one sample.
        null: What stands for "not given", in every component; guidance is away from it.
        says: What it means, with its unit.
    """

    kind: ConditionKind
    shape: tuple[int, ...]
    null: float = 0.0
    says: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Description of a loaded checkpoint.

    Attributes:
        name: Name that requests use.
        version: ``sha256:`` and the hash of the files that decide on its samples; equal version
            and equal request give equal bytes.
        media: ``image`` (data in [-1, 1], shape ``[channels, height, width]``) or ``vector``.
        shape: Shape of one sample.
        classes: Names of the classes by label; empty for an unconditional model.
        parameters: Number of network parameters.
        calibrated: Settings for which ``confidence`` is calibrated; empty when it is not.
        grids: Grids that fixed steps may be placed on, of :data:`~sureflow.core.lane.GRIDS`.
        differentiable: Whether its velocity can be differentiated, as some scores need.
        probed: How its probe was fitted, as some scores need; empty when it has none.
        provenance: Data, seed, steps, commit and metrics of the training run.
        family: Name of the family.
        conditions: Named arrays beside a class that samples can be samples of.
        warnings: What of the checkpoint was set aside, and why.
        numerics: What it runs on: library, instruction set and mode; where it is served, the block
            sizes in use and a ``fingerprint`` of the kernels' answers.
        calibration_version: The same of the file that turns scores into confidence; empty without
            one. Equal versions give equal confidences.
    """

    name: str
    version: str
    media: Literal["image", "vector"]
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    parameters: int
    calibrated: dict[str, Any] = field(default_factory=dict)
    grids: tuple[str, ...] = ("uniform",)
    differentiable: bool = True
    probed: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    family: str = "flow"
    conditions: dict[str, Condition] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    numerics: dict[str, Any] = field(default_factory=dict, compare=False)
    calibration_version: str = ""
