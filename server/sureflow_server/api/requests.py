"""Bodies of requests, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sureflow.lane import (
    ADAPTIVE_METHODS,
    DEFAULT_MAX_STEPS,
    DEFAULT_MIN_STEPS,
    DEFAULT_PARALLEL_TOLERANCE,
    MAX_PARALLEL,
    MAX_STEPS,
    MIN_TOLERANCE,
    PARALLEL_METHODS,
)
from sureflow_server.api.part import Flag, Integer, Number, Part, Placement, ScoreName
from sureflow_server.api.rewind_options import RewindOptions
from sureflow_server.filters import Action, Score

Method = Literal["euler", "heun", "midpoint", "ab2", "bosh3", "rk4", "dopri5"]
MAX_GUIDANCE = 100.0
MAX_DEADLINE_S = 86_400.0
MAX_PRIORITY = 10
DEFAULT_MAX_ATTEMPTS = 4

AGAIN = ("regenerate", "rewind")
"""Actions that make something in the place of what fails."""

CRITERIA = ("min", "max", "keep", "top", "max_bad_rate")
"""What a filter can go by."""


def _label(value: object) -> int | str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError("label", "Input should be the number or the name of a class")


Label = Annotated[int | str, PlainValidator(_label, json_schema_input_type=int | str)]


class Condition(Part):
    """What the samples shall be."""

    label: Label
    """Number or name of a class; `GET /v1/models` lists them."""


class Guidance(Part):
    """Classifier-free guidance."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] = 1.0
    """1 is the plain conditional model; any other scale needs a label and costs a second network
    row per evaluation."""


class ParallelOptions(Part):
    """Steps evaluated ahead of time: an answer after fewer network calls, each of more rows.

    Worth it where the device has rows to spare.
    """

    window: Annotated[Integer, Field(ge=1, le=MAX_PARALLEL)]
    """Steps evaluated at once: the next one, and those that are expected to follow."""

    tolerance: Annotated[Number, Field(ge=0, le=1)] = DEFAULT_PARALLEL_TOLERANCE
    """How far from its own start a step may have been evaluated: rms over the components, in data
    units. With 0 the sample has the bytes of one step after another."""


class SamplerOptions(Part):
    """How the flow is integrated from noise (t = 0) to data (t = 1).

    By `steps` on a fixed grid, or by `tolerance` with steps that every sample chooses for itself.
    """

    method: Method = "heun"
    """Evaluations per step of a fixed grid: euler 1, heun 2, midpoint 2, ab2 1, bosh3 3, rk4 4,
    dopri5 6. All but euler and rk4 can keep to a tolerance."""

    steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] | None = None
    """Number of steps; 20 where neither this nor a tolerance is given."""

    tolerance: Annotated[Number, Field(ge=MIN_TOLERANCE, le=1)] | None = None
    """Error allowed per step, as a share of 1 + |x| per component. Easy samples take fewer steps,
    undecided ones more."""

    min_steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] | None = None
    """With a tolerance: fewest steps, by default 3."""

    max_steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] | None = Field(
        default=None, validate_default=True
    )
    """With a tolerance: most steps to try, by default 250. A sample that runs out of them goes to
    the end in its last one and has the finish_reason max_steps."""

    grid: Placement | None = None
    """Without a tolerance: where the steps are placed. uniform, the default: all equal; fitted: as
    was found best for this model, where it has such a grid; `GET /v1/models` tells."""

    parallel: ParallelOptions | None = None
    """With the method euler and steps: evaluate several of them at once."""

    @field_validator("tolerance")
    @classmethod
    def _one_rule(cls, tolerance: float | None, info: ValidationInfo) -> float | None:
        if tolerance is not None and info.data.get("steps") is not None:
            raise PydanticCustomError("rule", "give steps or tolerance, not both")
        method = info.data.get("method", ADAPTIVE_METHODS[0])
        if tolerance is not None and method not in ADAPTIVE_METHODS:
            able = ", ".join(ADAPTIVE_METHODS)
            raise PydanticCustomError(
                "rule",
                "{method} does not estimate its error; choose from {able}",
                {"method": method, "able": able},
            )
        return tolerance

    @field_validator("min_steps", "max_steps")
    @classmethod
    def _adaptive_alone(cls, steps: int | None, info: ValidationInfo) -> int | None:
        if steps is not None and info.data.get("tolerance", 1) is None:
            raise PydanticCustomError("rule", "needs a tolerance; a fixed grid has steps")
        return steps

    @field_validator("grid")
    @classmethod
    def _fixed_alone(cls, grid: str | None, info: ValidationInfo) -> str | None:
        if grid is not None and info.data.get("tolerance") is not None:
            raise PydanticCustomError("rule", "is for fixed steps; with a tolerance leave it out")
        return grid

    @field_validator("max_steps")
    @classmethod
    def _room(cls, most: int | None, info: ValidationInfo) -> int | None:
        fewest = info.data.get("min_steps", 1) or DEFAULT_MIN_STEPS
        if (most or DEFAULT_MAX_STEPS) < fewest:
            message = "{most} is below min_steps, which is {fewest}"
            context = {"most": most or DEFAULT_MAX_STEPS, "fewest": fewest}
            raise PydanticCustomError("rule", message, context)
        return most

    @field_validator("parallel")
    @classmethod
    def _known_ahead(
        cls, parallel: ParallelOptions | None, info: ValidationInfo
    ) -> ParallelOptions | None:
        method = info.data.get("method", PARALLEL_METHODS[0])
        if parallel is not None and method not in PARALLEL_METHODS:
            able = ", ".join(PARALLEL_METHODS)
            context = {"method": method, "able": able}
            raise PydanticCustomError("rule", "not with {method}; choose from {able}", context)
        return parallel

    def lane(self) -> dict[str, Any]:
        """Return what was said as fields of a lane."""
        said = self.model_dump(exclude_none=True, exclude={"parallel"})
        if self.parallel is not None:
            said["parallel"] = self.parallel.window
            said["parallel_tolerance"] = self.parallel.tolerance
        return said


class ConfidenceOptions(Part):
    """How sureness is measured, and how much of it is returned."""

    method: ScoreName | None = None
    """The score that becomes `uncertainty` and `confidence`; by default the one that the model is
    best judged by, see `calibrated.score` of `GET /v1/models`. propagated: how open the path was;
    path_residual: how far it was from what the model expected; straightness, trajectory: the same
    ideas without a variance; adherence: whether the label explains the sample better than none;
    adherence_contrast: whether it does early on, and is no longer needed halfway; likelihood:
    minus its log-density; propagated_late: the open part after t = 0.5; divergence: minus its
    log-density without a variance, at twice the evaluations; residual: what the model makes of the
    finished sample with fresh noise, at three evaluations more."""

    also: tuple[ScoreName, ...] = ()
    """Further scores to return in `scores`. All but adherence, adherence_contrast, divergence and
    residual are free."""

    profile: Flag = False
    """Return the uncertainty rate over time."""

    map: Flag = False
    """Return the uncertainty of every component."""


class FilterOptions(Part):
    """What to do about doubtful samples.

    Give exactly one of `min`, `max`, `keep`, `top` and `max_bad_rate`.
    """

    by: Score = "confidence"
    """confidence: higher is surer; uncertainty: lower is surer."""

    min: Number | None = None
    """Pass at this score or above."""

    max: Number | None = None
    """Pass at this score or below."""

    keep: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Pass if among this share of the surest, by the model's calibration: at a confidence of
    1 - keep or above. Decided sample by sample, so the share of a request's own samples varies.
    For settings at which confidence holds only, `calibrated.holds` of `GET /v1/models`."""

    top: Annotated[Integer, Field(ge=1)] | None = None
    """Pass if among so many of the surest of this request: exactly so many do. Decided once all
    samples are finished; a stream has them at its end."""

    max_bad_rate: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """Pass at the lowest confidence at which, as certified with 90 % confidence, no more than this
    share of what passes is bad in the eyes of the judge that `sureflow calibrate --judge` asked.
    For the settings of that calibration only, `calibrated.conformal` of `GET /v1/models`; with
    classes, the rate is that over all classes in equal shares. Choose the rate without looking at
    the certified ones."""

    accept: Annotated[Integer, Field(ge=1)] | None = None
    """Go on until so many samples have passed; `n` is then this number. Samples that fail are
    treated as `action` says, and are part of the answer."""

    action: Action = "annotate"
    """annotate: only say so; drop: leave out the data; regenerate: leave it out and make another
    sample instead, as `accept` does for n samples; rewind: leave it out, take the sample back to
    its commit point and send it elsewhere from there. Every sample keeps its record."""

    max_attempts: Annotated[Integer, Field(ge=1)] | None = None
    """With `accept` or `regenerate`: stop after this many times as many samples as shall pass,
    whatever has passed; with `rewind`: attempts at each sample, the first one included. 4 by
    default."""

    shift: Annotated[Number, Field(gt=-1, lt=1)] | None = None
    """With `rewind`: added to the time of the commit point, by default -0.1. At the commit point
    itself most is decided; a little earlier leaves more open, for more evaluations."""

    early: Flag = False
    """Give up samples on the way that are foreseen not to pass. By confidence with `min`, `keep`
    or `max_bad_rate`, for scores that the model can foresee, `calibrated.early` of
    `GET /v1/models`, and with the solver and the steps of its calibration, for which at most 2 % of
    those that would pass are lost."""

    @property
    def targets(self) -> bool:
        """Whether samples that fail call for others."""
        return self.accept is not None or self.action == "regenerate"

    @property
    def attempts(self) -> int:
        """How many times as many samples as shall pass may be made."""
        return self.max_attempts or DEFAULT_MAX_ATTEMPTS

    @field_validator("keep", "max_bad_rate")
    @classmethod
    def _calibrated(cls, share: float | None, info: ValidationInfo) -> float | None:
        if share is not None and info.data.get("by", "confidence") != "confidence":
            raise PydanticCustomError("rule", "goes by confidence; leave out by")
        return share

    @field_validator("accept")
    @classmethod
    def _not_of_the_top(cls, accept: int | None, info: ValidationInfo) -> int | None:
        if accept is not None and info.data.get("top") is not None:
            raise PydanticCustomError("rule", "not with top, which needs a fixed n")
        return accept

    @field_validator("action")
    @classmethod
    def _no_other_top(cls, action: Action, info: ValidationInfo) -> Action:
        if action in AGAIN and info.data.get("top") is not None:
            raise PydanticCustomError("rule", "not with top; choose annotate or drop")
        if action == "rewind" and info.data.get("accept") is not None:
            raise PydanticCustomError("rule", "rewind is for n samples, not with accept")
        return action

    @field_validator("max_attempts")
    @classmethod
    def _repeated(cls, most: int | None, info: ValidationInfo) -> int | None:
        said = info.data
        if most is not None and said.get("accept") is None and said.get("action") not in AGAIN:
            raise PydanticCustomError("rule", "needs accept, or the action regenerate or rewind")
        return most

    @field_validator("shift")
    @classmethod
    def _rewound(cls, shift: float | None, info: ValidationInfo) -> float | None:
        if shift is not None and info.data.get("action") != "rewind":
            raise PydanticCustomError("rule", "needs the action rewind")
        return shift

    @field_validator("early")
    @classmethod
    def _foreseen(cls, early: bool, info: ValidationInfo) -> bool:
        said = info.data
        bounds = [said.get(name) for name in ("min", "keep", "max_bad_rate")]
        if early and (said.get("by") == "uncertainty" or bounds == [None, None, None]):
            message = "goes by confidence, with min, keep or max_bad_rate"
            raise PydanticCustomError("rule", message)
        if early and said.get("action") == "rewind":
            raise PydanticCustomError("rule", "not with rewind: who is given up has no way back")
        return early

    @model_validator(mode="after")
    def _one_criterion(self) -> FilterOptions:
        if sum(getattr(self, name) is not None for name in CRITERIA) != 1:
            raise PydanticCustomError("bounds", f"give exactly one of {', '.join(CRITERIA)}")
        return self


class OutputOptions(Part):
    """How arrays travel in JSON."""

    format: Literal["png", "npy", "list"] | None = None
    """png: base64 PNG, images only; npy: base64 .npy, exact; list: nested lists. By default png
    for images and list for vectors."""


class GenerateRequest(Part):
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
