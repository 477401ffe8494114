"""A sample in an answer, as the OpenAPI document shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sureflow.core.lane import FinishReason
from sureflow.core.schema import Schema
from sureflow_server.filters import Action, Score, Taken


class CommitPoint(Schema):
    """The moment at which the sample had mostly decided what it would be."""

    t: float
    step: int


class Profile(Schema):
    """Uncertainty rate over time."""

    t: list[float]
    rate: list[float | None]


class StepCounts(Schema):
    """Steps of the solver."""

    accepted: int
    rejected: int


class RungRecord(Schema):
    """How a sample stood among those of its request when it was given up for others."""

    t: float
    """Time that all of them had reached."""

    value: float | None
    """What the score foresaw there, by which they were ranked; lower is surer, null if nothing."""

    rank: int
    """Place among them, from 1, the surest."""

    lanes: int
    """How many they were."""

    survivors: int
    """How many of them went on."""


class JudgeDecisionRecord(Schema):
    """What a judge said of a sample that the filter had accepted."""

    by: str
    score: float | None
    """How bad the sample is, in the judge's unit; null where it gave no number."""

    threshold: float
    """The most at which a sample passes."""

    seconds: float
    """For how long a process of the judge was busy with it."""

    reason: str
    """The comparison in words, or why there is no score."""


class DecisionRecord(Schema):
    """What the filter decided, and on what evidence."""

    action_requested: Action
    action_taken: Taken
    by: Score
    score: float | None
    threshold: float | None
    """What the score was held against; null where nothing has a score."""

    attempt: int
    """Which round of n samples this one was of, from 1."""

    reason: str
    abandoned_at: float | None
    """Time t in [0, 1] at which the sample was given up; null if it was finished."""

    rung: RungRecord | None
    """Where it was given up for others of its request, with `early: "halving"`; else null."""

    then: JudgeDecisionRecord | None = None
    """There where `filter.then` had a judge asked, whose word is the last."""

    margin: float | None = None
    """There with the score `critic`: distance in data units that the sample would have to move, at
    least, to change the decision."""


class HandleLink(Schema):
    """By what a trajectory can be looked through and taken up again."""

    id: str
    expires_at: datetime
    bytes: int
    """What it takes in the store, key frames included."""

    frames: list[float]
    """Times of the key frames."""


class SampleFacts(Schema):
    """What is said of a sample beside its data."""

    index: int
    """Sample i is the same for any n; a request with this `seed`, with this index as `first`, and
    n = 1 makes it alone."""

    seed: int
    label: str | None
    """Name of the class that was asked for; null without one."""

    media_type: str
    """Of the data, once decoded."""

    shape: list[int]
    confidence: float | None
    """Share of the model's draws of the same class, guidance, solver and steps that are less sure,
    in [0, 1]; null without calibration."""

    confidence_holds: bool | None
    """Whether that share was measured at these settings, which `calibrated.holds` of
    `GET /v1/models` lists. If false, confidence puts samples of equal settings in order, and no
    more; so it is for edited samples. Null where there is no confidence."""

    uncertainty: float | None
    """The raw score, lower is surer; null where it could not be told."""

    method: str
    """Name of the score; scores of different names do not compare."""

    semantics: str
    """What a large value means, in a word."""

    unit: str
    """Of `uncertainty`."""

    scores: dict[str, float | None]
    """All scores that were asked for, by name; lower is surer."""

    numbers: dict[str, float | None] | None = None
    """What else the model's family knows of a sample, such as its `log_weight`; there where it
    knows something. Null where a number is not known."""

    commit: CommitPoint
    profile: Profile | None = None
    map: Any = None
    """Uncertainty of every component: base64 .npy, or nested lists where the data are. Of a decoded
    sample, that of its latent, in `state_shape` of the model."""

    decision: DecisionRecord | None
    finish_reason: FinishReason
    steps: StepCounts
    evaluations: int
    """Network rows that this sample cost."""

    tolerance: float | None
    """The widest tolerance that the sample was held to: the one asked for, unless it had to hurry;
    null on a fixed grid."""

    inversion_error: float | None
    """Of a sample that was given: rms difference between it and what the flow makes of the noise
    that was found, relative to the size of such data; null for any other. Above 0.1 the sample has
    no confidence, since its scores are not of what was given."""

    handle: HandleLink | None
    """Null unless asked for, and for samples that cannot be made again as they were: those that
    were given up, and those that hurried to a deadline."""

    parent: str | None
    """The handle that it branched off from; null if it did not."""

    rewound_from: int | None
    """Index of the sample of this request in whose place it was made, from its commit point on;
    null for a first attempt."""


class SampleRecord(SampleFacts):
    """One sample."""

    data: Any
    """Base64, nested lists, or an object with names, as the format has it; null when withheld, or
    when a value is not finite."""
