"""What a request says about doubtful samples."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sureflow.core.schema import Flag, Integer, Number, Schema
from sureflow_server.filters import Action, Score

DEFAULT_MAX_ATTEMPTS = 4

AGAIN = ("regenerate", "rewind")
"""Actions that make something in the place of what fails."""

CRITERIA = ("min", "max", "keep", "top", "max_bad_rate")
"""What a filter can go by."""


class FilterOptions(Schema):
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
