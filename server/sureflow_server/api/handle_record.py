"""Handles as the wire has them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sureflow.core.schema import Schema
from sureflow_server.api.sample_record import CommitPoint, Profile, SampleRecord


class FrameRecord(Schema):
    """A key frame that is kept."""

    step: int
    t: float
    bytes: int


class HandleSummary(Schema):
    """A handle in a list."""

    id: str
    model: str
    model_version: str
    created_at: datetime
    expires_at: datetime
    parent: str | None
    request: str | None
    """Id of the request that made it, `id` of its answer; null if nobody wrote it down."""

    bytes: int
    """What it takes in the store, without key frames."""


class HandleList(Schema):
    """One's own handles, newest first."""

    handles: list[HandleSummary]
    next: int | None
    """Where the next page begins: `?before=`; null on the last one."""


class AskedRecord(Schema):
    """A request."""

    path: Literal["/v1/generate", "/v1/edit", "/v1/invert"]
    """Where it asks for the same; it may have come by another, such as `/v1/images/generations`."""

    request: dict[str, Any]
    """Its body, with the model and the seed that it came to. Of several samples that were given
    it has this one alone, the index being `first`."""


class HandleRecord(HandleSummary):
    """A trajectory that can be looked through and taken up again."""

    asked: AskedRecord | None
    """The request that made it, `index` of the `sample` being its place there; null if it was long,
    or if nobody wrote it down."""

    steps: int
    """How many the trajectory has."""

    commits: list[CommitPoint]
    """The moments at which the sample decided something: its commit point, by which three quarters
    of its variance were resolved, then those at which what was open fell fastest, the most marked
    first."""

    profile: Profile
    frames: list[FrameRecord]
    """Key frames that are kept at present; all others can be made again."""

    sample: SampleRecord


class View(Schema):
    """What there is to see of a trajectory at the beginning of a step."""

    step: int
    t: float
    rate: float | None
    """`tr Sigma` there, squared data units per unit time."""

    uncertainty: float | None
    """Integral of the rate up to there."""

    state: Any = None
    """The state of the flow: noise at `t = 0`, data at `t = 1`; as `data` of a sample. Decoded, as
    the prediction is, if the model has a decoder: by its `preview` where there is one, but for the
    finished sample."""

    prediction: Any = None
    """Where the flow would end by its present velocity: the expected sample; likewise."""

    map: Any = None
    """Variance of the final sample given the state, of every component: base64 .npy, or nested
    lists where `state` is. Of a model with a decoder, that of the latent."""


class FramesRecord(Schema):
    """A trajectory, looked at."""

    handle: str
    media_type: str
    """Of `state` and `prediction`, once decoded."""

    shape: list[int]
    views: list[View]
    evaluations: int
    """Network rows that it cost to make again what was not kept."""

    replay: Literal["approximate"] | None = None
    """There where the trajectory was made on other kernels, so that views may differ from it in
    the last digits."""
