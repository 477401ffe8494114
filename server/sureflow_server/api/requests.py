"""Bodies of requests, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from sureflow_server.api.filter_options import FilterOptions
from sureflow_server.api.rewind_options import RewindOptions
from sureflow_server.api.sampler_options import SamplerOptions
from sureflow_server.api.schema import Flag, Integer, Number, Schema, ScoreName

MAX_GUIDANCE = 100.0
MAX_DEADLINE_S = 86_400.0
MAX_PRIORITY = 10


def _label(value: object) -> int | str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError("label", "Input should be the number or the name of a class")


Label = Annotated[int | str, PlainValidator(_label, json_schema_input_type=int | str)]


class Condition(Schema):
    """What the samples shall be."""

    label: Label
    """Number or name of a class; `GET /v1/models` lists them."""


class Guidance(Schema):
    """Classifier-free guidance."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] = 1.0
    """1 is the plain conditional model; any other scale needs a label and costs a second network
    row per evaluation."""


class ConfidenceOptions(Schema):
    """How sureness is measured, and how much of it is returned."""

    method: ScoreName | None = None
    """The score that becomes `uncertainty` and `confidence`; by default the one that the model is
    best judged by, see `calibrated.score` of `GET /v1/models`. propagated: how open the path was;
    path_residual: how far it was from what the model expected; straightness, trajectory: the same
    ideas without a variance; probe: what a judge would say, foretold from the network's own
    activations, of models with a probe (`probed` of `GET /v1/models`); adherence: whether the label
    explains the sample better than none; adherence_contrast: whether it does early on, and is no
    longer needed halfway; likelihood: minus its log-density; propagated_late: the open part after
    t = 0.5; divergence: minus its log-density without a variance, at twice the evaluations;
    residual: what the model makes of the finished sample with fresh noise, at three evaluations
    more."""

    also: tuple[ScoreName, ...] = ()
    """Further scores to return in `scores`. All but adherence, adherence_contrast, divergence and
    residual are free."""

    profile: Flag = False
    """Return the uncertainty rate over time."""

    map: Flag = False
    """Return the uncertainty of every component."""


class OutputOptions(Schema):
    """How arrays travel in JSON."""

    format: Literal["png", "npy", "list"] | None = None
    """png: base64 PNG, images only; npy: base64 .npy, exact; list: nested lists. By default png
    for images and list for vectors."""


class GenerateRequest(Schema):
    """Ask for `n` samples of a model, each with its confidence."""

    model: str | None = None
    """By default the server's default model."""

    n: Annotated[Integer, Field(ge=1)] = 1
    """How many samples; with `filter.accept`, leave it out."""

    seed: Annotated[Integer, Field(ge=0, lt=2**63)] | None = None
    """Same seed, same samples, byte for byte. By default drawn, and returned."""

    condition: Condition | None = None
    guidance: Guidance = Guidance()
    sampler: SamplerOptions = SamplerOptions()
    confidence: ConfidenceOptions = ConfidenceOptions()
    filter: FilterOptions | None = None
    rewind: RewindOptions | None = None
    output: OutputOptions = OutputOptions()

    deadline_s: Annotated[Number, Field(gt=0, le=MAX_DEADLINE_S)] | None = None
    """Seconds after which nobody waits any more. A request that cannot be done by then is refused
    at once (429), and ends then if it is not (504). Samples with a tolerance that are late widen
    it, and have the finish_reason deadline."""

    priority: Annotated[Integer, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    """Higher ones are served before lower ones."""

    @property
    def count(self) -> int:
        """Samples to begin with; with a target, those that shall pass."""
        accept = None if self.filter is None else self.filter.accept
        return self.n if accept is None else accept
