"""Bodies of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError
from sureflow.lane import MAX_STEPS, FinishReason

from sureflow_server.filters import Action, Score, Taken, Threshold

Method = Literal["euler", "heun", "midpoint", "rk4"]
MAX_GUIDANCE = 100.0

Integer = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def _label(value: object) -> int | str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError("label", "Input should be the number or the name of a class")


Label = Annotated[int | str, PlainValidator(_label, json_schema_input_type=int | str)]


class RequestPart(BaseModel):
    """What every part of a request has in common: it has no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(RequestPart):
    """What the samples shall be."""

    label: Annotated[Label, Field(description="Number or name of a class; see `GET /v1/models`.")]


class Guidance(RequestPart):
    """Classifier-free guidance."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] = Field(
        1.0,
        description="1 is the plain conditional model; other scales cost a second network row per "
        "evaluation and need a label.",
    )


class SamplerOptions(RequestPart):
    """How the flow is integrated from noise (t = 0) to data (t = 1)."""

    method: Method = Field(
        "heun", description="Evaluations per step: euler 1, heun 2, midpoint 2, rk4 4."
    )
    steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS, description="Equal steps.")] = 20


class ConfidenceOptions(RequestPart):
    """How sureness is measured, and how much of it is returned."""

    method: Literal["propagated"] = Field(
        "propagated", description="Variance propagated in closed form through the network."
    )
    profile: Flag = Field(False, description="Return the uncertainty rate over time.")
    map: Flag = Field(False, description="Return the uncertainty of every component.")


class FilterOptions(RequestPart):
    """What to do about doubtful samples. Give exactly one of `min` and `max`."""

    by: Score = Field(
        "confidence", description="confidence: higher is surer; uncertainty: lower is surer."
    )
    min: Number | None = Field(None, description="Pass at this score or above.")
    max: Number | None = Field(None, description="Pass at this score or below.")
    action: Action = Field(
        "annotate",
        description="annotate: only say so; drop: leave out the data. Every sample keeps a record.",
    )

    @model_validator(mode="after")
    def _one_bound(self) -> FilterOptions:
        if (self.min is None) == (self.max is None):
            raise PydanticCustomError("bounds", "give exactly one of min and max")
        return self

    def threshold(self) -> Threshold:
        """Return the filter itself."""
        return Threshold(self.by, self.min, self.max, self.action)


class OutputOptions(RequestPart):
    """How arrays travel in JSON."""

    format: Literal["png", "npy", "list"] | None = Field(
        None,
        description="png (images): base64 PNG; npy: base64 .npy, exact; list: nested lists. "
        "Default: png for images, list for vectors.",
    )


class GenerateRequest(RequestPart):
    """Ask for `n` samples of a model, each with its confidence."""

    model: str | None = Field(None, description="Default: the server's default model.")
    n: Annotated[Integer, Field(ge=1)] = Field(1, description="How many samples.")
    seed: Annotated[Integer, Field(ge=0, lt=2**63)] | None = Field(
        None, description="Same seed, same samples, byte for byte. Default: drawn and returned."
    )
    condition: Condition | None = None
    guidance: Guidance = Guidance()
    sampler: SamplerOptions = SamplerOptions()
    confidence: ConfidenceOptions = ConfidenceOptions()
    filter: FilterOptions | None = None
    output: OutputOptions = OutputOptions()


class CommitPoint(BaseModel):
    """The moment at which the sample had mostly decided what it would be."""

    t: float
    step: int


class Profile(BaseModel):
    """Uncertainty rate over time."""

    t: list[float]
    rate: list[float | None]


class StepCounts(BaseModel):
    """Steps of the solver."""

    accepted: int
    rejected: int


class DecisionRecord(BaseModel):
    """What the filter decided, and on what evidence."""

    action_requested: Action
    action_taken: Taken
    by: Score
    score: float | None
    threshold: float
    attempt: int
    reason: str


class SampleRecord(BaseModel):
    """One sample."""

    index: int = Field(description="Sample i of any n is the same.")
    seed: int
    media_type: str = Field(description="Of `data` after decoding.")
    shape: list[int]
    data: Any = Field(description="Base64 or nested lists; null when dropped or not finite.")
    confidence: float | None = Field(
        description="Share of the model's reference draws that are less sure, in [0, 1]."
    )
    uncertainty: float | None = Field(description="Integrated variance; lower is surer.")
    method: str
    semantics: Literal["ambiguity"] = Field(
        "ambiguity", description="What the score measures: how undecided the model was on the way."
    )
    commit: CommitPoint
    profile: Profile | None = None
    map: Any = Field(None, description="Uncertainty per component; base64 .npy or nested lists.")
    decision: DecisionRecord | None
    finish_reason: FinishReason
    steps: StepCounts
    evaluations: int = Field(description="Network rows that this sample cost.")


class Usage(BaseModel):
    """What the request cost."""

    evaluations: int
    evaluations_saved: int
    queue_s: float = Field(description="Until the first lane ran, in seconds.")
    compute_s: float = Field(description="From then until the last lane was done.")


class GenerateResponse(BaseModel):
    """The samples, in the order of their index."""

    id: str
    model: str
    model_version: str
    seed: int
    samples: list[SampleRecord]
    usage: Usage


class ModelRecord(BaseModel):
    """A model and its state."""

    name: str
    state: Literal["ready", "failed"]
    default: bool
    error: str | None = Field(None, description="Why it failed.")
    version: str | None = None
    media: Literal["image", "vector"] | None = None
    shape: list[int] | None = None
    classes: list[str] | None = None
    parameters: int | None = None
    calibrated: dict[str, Any] | None = None
    provenance: dict[str, Any] | None = None


class ModelList(BaseModel):
    """Every checkpoint folder."""

    models: list[ModelRecord]
