"""Reviews as the wire has them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sureflow.core.schema import LARGEST, Flag, Number, Schema
from sureflow_server.api.edited_draws import EditedDraws
from sureflow_server.api.review_state import BAD_ABOVE


class CertifyRequest(Schema):
    """Make a certificate of the verdicts, and go by it."""

    bad_above: Annotated[Number, Field(ge=-LARGEST, le=LARGEST)] = BAD_ABOVE
    """Verdicts above it are bad; `good` is 0 and `bad` is 1."""

    edit: EditedDraws | None = None
    """Of draws that are edited like this; otherwise of draws from noise alone."""

    replace: Flag = False
    """Also where the certificate in service holds and promises more."""


class ProposedSample(Schema):
    """A sample to look at."""

    draw: str
    """By which `POST /v1/verdicts` names it."""

    label: str | None
    """Name of the class that was asked for, if there is one."""

    media_type: str
    shape: list[int]
    data: Any
    confidence: float | None = None
    """Only with `scores=true`."""

    uncertainty: float | None = None
    """Likewise."""


class CurvePoint(Schema):
    """What the verdicts say of the samples that are accepted from some confidence on."""

    confidence: float
    accepted: float | None
    """Share of the draws that have it."""

    judged: int
    """Of these, those that count."""

    bad: int
    bound: float
    """At most this share is bad, with a certainty of `1 - delta`, whenever one looks."""


class Needed(Schema):
    """How many more verdicts it takes."""

    max_bad_rate: float
    verdicts: int | None
    """On samples with a confidence of 0.5 or more, if none of them is bad; null if more than
    100,000."""


class CertificateRecord(Schema):
    """The certificate that `filter.max_bad_rate` goes by."""

    version: str
    judge: str
    draws: int
    smallest: float
    """The smallest bad rate that can be asked for."""

    withdrawn: str | None
    """Why it does not hold any more; null if it does."""

    evidence: float
    """Of later verdicts, on random draws and on samples as they were served, against it: the most
    that they ever came to, in their order. It is withdrawn as long as it is `1 / delta` or more."""


class ReviewRecord(Schema):
    """How far the review of a model has come, and what to look at next."""

    model: str
    model_version: str
    calibration_version: str
    stream: str
    """Which draws are reviewed: the model's own, from a seed of their own, at `setting`."""

    score: str
    setting: dict[str, Any]
    edit: dict[str, Any] | None
    """That of the draws, its `step` and `operations`; null if they are from noise alone."""

    draws: int
    """That are known so far."""

    judged: int
    """Of these, those with a verdict."""

    reviewers: dict[str, int]
    """Verdicts by name of the reviewer."""

    delta: float
    smallest: float | None
    """The smallest bad rate that the verdicts would certify; null if none."""

    needed: Needed
    curve: list[CurvePoint]
    certificate: CertificateRecord | None
    samples: list[ProposedSample]
    warnings: tuple[str, ...] = ()
