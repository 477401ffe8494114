"""Probes fitted to verdicts, as the wire has them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sureflow.core.model_name import ModelName
from sureflow.core.schema import LARGEST, Integer, Number, Schema
from sureflow_server.api.responses import Usage
from sureflow_server.api.review_state import BAD_ABOVE

MOST_DRAWS = 5000


class RefitRequest(Schema):
    """Fit a probe to the verdicts on a model, for a new version of it."""

    name: Annotated[ModelName, Field(max_length=64)] | None = None
    """Of the new version, a folder beside that of the model; by default the model's, with the first
    number that is free, from `-2` on."""

    draws: Annotated[Integer, Field(ge=100, le=MOST_DRAWS)] | None = None
    """Reference draws that its confidence is a share of; by default 200 of each class and as many
    without one, 2000 of a model without classes."""

    bad_above: Annotated[Number, Field(ge=-LARGEST, le=LARGEST)] = BAD_ABOVE
    """Verdicts above it are bad; `good` is 0 and `bad` is 1. It decides about `auroc`; the probe is
    fitted to the verdicts as they are."""


class IntervalRecord(Schema):
    """A number, and the bounds between which it is in 95 % of all resamples of the samples."""

    value: float
    low: float
    high: float


class RefitResponse(Schema):
    """A new version of a model, which is judged by what a probe foretells of verdicts."""

    model: str
    model_version: str
    """As before: nothing changes about the model whose samples were judged."""

    name: str
    """Of the new version; `POST /v1/models/{name}/load` takes it into service."""

    version: str
    """Its `version` there."""

    calibration_version: str
    """Of its confidence, which is by the score `probe`. It has no certificate."""

    judged: int
    """Samples that the probe was fitted to."""

    bad: int
    """Of these."""

    spearman: float
    """Rank correlation with the verdicts, of samples that were left out of the fit."""

    auroc: IntervalRecord | None
    """How often, of two such samples of a class of which one is bad, the probe finds that the less
    sure; null where fewer than five are bad, or are not."""

    score: str
    """The score in use, by which the model is judged now."""

    in_use: IntervalRecord | None
    """The same of that."""

    gain: IntervalRecord | None
    """The first less the second."""

    certificates: int
    """Those of the model that was asked for; they are about another score, and stay with it."""

    usage: Usage
    warnings: list[str]
