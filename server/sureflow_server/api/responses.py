"""Bodies of answers to requests for samples, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any, Literal

from sureflow.core.schema import Schema
from sureflow_server.api.sample_record import SampleRecord


class JudgeUsage(Schema):
    """What a judge cost."""

    samples: int
    """About which it was asked."""

    seconds: float
    """For which its processes were busy with them, in sum."""


class Usage(Schema):
    """What the request cost."""

    evaluations: int
    evaluations_saved: int
    """What abandoned samples would still have cost; with a tolerance, an estimate."""

    queue_s: float
    """Seconds until the first lane ran."""

    compute_s: float
    """Seconds from then until the last lane was done."""

    judged: JudgeUsage | None = None
    """With `filter.then`."""


class SelectionRecord(Schema):
    """What the filter did to the classes; samples of no class are under the empty name."""

    drawn_by_class: dict[str, int]
    """Samples that were made, by name of the class."""

    accepted_by_class: dict[str, int]
    """Of these, those that passed."""

    any_good: float | None
    """With `filter.any_good`: the probability that at least one of those that passed is good, as
    certified. It is less than was asked for where `n` did not suffice, and `warnings` says so."""


class GenerateResponse(Schema):
    """The samples, in the order of their index."""

    id: str
    model: str
    model_version: str
    seed: int
    samples: list[SampleRecord]
    """Every sample that was made, those that the filter did not accept included."""

    usage: Usage
    selection: SelectionRecord | None
    """How many of each class were made and passed; null without a filter."""

    summary: dict[str, float | None] | None = None
    """What the samples say together, by name, of families that have something to say: of weighted
    samples `ess`, the number of independent ones that they are worth, and `log_z`, with its
    standard error `log_z_error`."""

    calibration_version: str | None
    """Of what turned scores into confidence; null where the model is not calibrated. Samples do not
    depend on it."""

    warnings: list[str]
    """What went wrong and did not keep the samples from being made."""


class CheckRecord(Schema):
    """A setting at which confidence was interpolated, and tried."""

    setting: dict[str, Any]
    error: dict[str, float]
    """By score: distance from uniform; up to 0.05 the range around it is calibrated."""


class CalibrationResponse(Schema):
    """What has been learned of a setting."""

    model: str
    model_version: str
    """As before: samples do not depend on the calibration."""

    calibration_version: str
    setting: dict[str, Any]
    draws: int
    error: dict[str, float]
    """By score: how far from uniform confidence may still be here."""

    calibrated: list[str]
    """The scores by which confidence is a share here: those with an error of up to 0.05."""

    checks: list[CheckRecord]
    """Between this setting and those measured before."""

    kept: bool
    """Whether it lies beside the model. If not, it is gone when the server ends."""

    usage: Usage
    warnings: list[str]


class BranchPoint(Schema):
    """Where a trajectory was left."""

    t: float
    step: int


class EditResponse(GenerateResponse):
    """The branches, in the order of their index."""

    at: BranchPoint
    original: SampleRecord
    """The sample of the handle; without data if `keep` is best and a branch is surer."""

    chosen: int | None
    """Place of the surest branch in `samples`; null if the original is at least as sure."""

    replay: Literal["approximate"] | None = None
    """There where the trajectory was made on other kernels and goes on nearly as it was; see
    `require_exact`."""
