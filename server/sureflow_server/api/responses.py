"""Bodies of answers, as the OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sureflow.core.card import ConditionKind
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


class PromptRecord(Schema):
    """How an encoder reads a text."""

    tokens: int
    """Most tokens of a text."""

    level: Literal["word", "byte", "subword"] | None
    """What a token is; null: texts are not taken, only the numbers of tokens."""

    words: list[str] | None
    """The words that are known; null where that is not a matter of words."""

    examples: list[str]
    """Texts like those that the model was trained with."""

    unknown: bool
    """Whether any other text is taken as well."""


class ConditionRecord(Schema):
    """Something that samples can be asked to be samples of."""

    kind: ConditionKind
    shape: list[int]
    """Of the array; a label is a single number or name."""

    names: list[str] | None = None
    """Of classes, in the order of their numbers."""

    null: float | None = None
    """What stands for "not given" in every component of an array."""

    required: Literal[True] | None = None
    """True if every sample needs it."""

    says: str | None = None
    prompt: PromptRecord | None = None
    """There where the model has an encoder: the array may be a text."""

    examples: list[str] | None = None
    """Some of what can be given, where there are such."""


class MeaningRecord(Schema):
    """The meaning of a score, which is larger the less sure the model is."""

    semantics: str
    """What a large value means, in one word."""

    unit: str
    says: str
    """What it measures."""

    not_for: str | None = None


class OpenAIModel(Schema):
    """A model, as clients of OpenAI know one."""

    id: str
    """Its name."""

    object: Literal["model"] = "model"
    created: Literal[0] = 0
    """Not known."""

    owned_by: Literal["sureflow"] = "sureflow"


class ModelRecord(OpenAIModel):
    """A model and its state; one that is ready has a card, and one that has failed an error."""

    name: str
    state: Literal["ready", "loading", "failed", "unloaded"]
    default: bool
    loaded: bool | None = None
    """Whether a model that is ready is in memory. If not, the first request for it waits until it
    is; with `model_bytes` alone."""

    error: str | None = None
    version: str | None = None
    family: str | None = None
    """What kind of process makes its samples; it says what a request may choose."""

    media: Literal["image", "vector"] | None = None
    shape: list[int] | None = None
    """Of a sample."""

    state_shape: list[int] | None = None
    """Of what the sample is decoded from, if the model has a decoder, else of the sample; and of
    maps, and of the values that operations take."""

    shapes: list[list[int]] | None = None
    """Of samples, where there are several to choose from; the default one first."""

    state_shapes: list[list[int]] | None = None
    """As `state_shape`, of each of the `shapes`."""

    sizes: list[list[int]] | None = None
    """What `sampler.size` may be, where there are several: height and width, or length, of each of
    the `shapes`."""

    stages: list[str] | None = None
    """Networks before and after the one that is integrated: an `encoder` of texts, a
    `sample_encoder` of samples to latents, a `decoder`, and a cheaper one for frames, `preview`."""

    notation: str | None = None
    """What the text of a sample is written in, such as `smiles`; empty where it is plain, or no
    text."""

    components: list[str] | None = None
    """Names of the components of a sample, where each has one, as genes have."""

    step_counts: list[int] | None = None
    """Numbers of steps that the model was made for; empty where it makes samples in any."""

    indexed: dict[str, Any] | None = None
    """To what training data the number `novelty` of a sample compares; empty without an index."""

    classes: list[str] | None = None
    null_label: bool | None = None
    """Whether a sample can be made without a class, where there are classes."""

    variance: str | None = None
    """Where the variance of its predictions comes from: own, inside or beside a foreign network; or
    none, and then scores that need one cannot be had."""

    conditions: dict[str, ConditionRecord] | None = None
    """What `condition` of a request may name."""

    samplers: list[str] | None = None
    """What `sampler.method` may be."""

    scores: list[str] | None = None
    """What `confidence.method` may be; some only of lanes with a condition."""

    meanings: dict[str, MeaningRecord] | None = None
    """What each of the `scores` means."""

    operations: list[str] | None = None
    """Types of `operations` of an edit."""

    formats: list[str] | None = None
    """What `output.format` may be, the default one first."""

    view: str | None = None
    """How people look at its samples: `image`, `plane`, `text`, `molecule`, `crystal`, `counts`, or
    a name that the model's family brings."""

    schemas: dict[str, Any] | None = None
    """JSON Schemas of what its family reads: of the `sampler`, and of the `operations` by type."""

    parameters: int | None = None
    calibrated: dict[str, Any] | None = None
    """Settings for which confidence is a share of samples, and how exactly."""

    calibration_version: str | None = None
    """Of what turns scores into confidence; `version` does not change with it, nor do samples."""

    grids: list[str] | None = None
    """Where fixed steps can be placed."""

    differentiable: bool | None = None
    """Whether the score `divergence` can be asked for."""

    probed: dict[str, Any] | None = None
    """How the probe was fitted that reads the score `probe`; empty without one."""

    classified: dict[str, Any] | None = None
    """How the classifier was fitted that reads the score `class_margin`; empty without one."""
    laplace: dict[str, Any] | None = None
    """With what data the score `ignorance` compares, and how that was fitted; empty without."""

    scorers: dict[str, Any] | None = None
    """How the networks beside the model were trained that read the scores of these names."""

    provenance: dict[str, Any] | None = None
    warnings: list[str] | None = None
    """What of the checkpoint was set aside, and why, such as tables that were learned of another
    network."""

    numerics: dict[str, Any] | None = None
    """What the model runs on: library, instruction set and mode, the block sizes in use, and a
    `fingerprint` of what the kernels answer. Equal fingerprints give equal bytes."""


class ModelList(Schema):
    """Every checkpoint folder."""

    models: list[ModelRecord]
    object: Literal["list"] = "list"
    data: list[OpenAIModel]
    """Those that `POST /v1/images/generations` can use, its default first."""
