"""A model in an answer, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any, Literal

from sureflow.core.card import ConditionKind
from sureflow.core.schema import Schema


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
