"""What a request says about doubtful samples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sureflow.core.schema import LARGEST, MOST, Flag, Integer, Name, Number, Schema
from sureflow_server.filters import Action, Score
from sureflow_server.judges import PREFIX

DEFAULT_MAX_ATTEMPTS = 4

AGAIN = ("regenerate", "rewind")
"""Actions that make something in the place of what fails."""

HALVING = "halving"

CRITERIA = ("min", "max", "keep", "top", "max_bad_rate", "any_good")
"""What a filter can go by."""


def _kind(early: object) -> str:
    return "(name)" if isinstance(early, str) else "(flag)"


Early = Annotated[
    Annotated[Literal["halving"], Tag("(name)")] | Annotated[Flag, Tag("(flag)")],
    Discriminator(_kind),
]
"""Told apart by what they are, so that a complaint is about the one that was meant."""


class SecondStageOptions(Schema):
    """A judge, which is asked about the samples that pass the rest of the filter."""

    by: Annotated[Name, Field(pattern=f"^{PREFIX}")]
    """`judge:` and the name of a judge that the server was started with."""

    max: Annotated[Number, Field(ge=-LARGEST, le=LARGEST)]
    """Pass at this value of the judge or below; larger is worse."""


class FilterOptions(Schema):
    """What to do about doubtful samples.

    Give exactly one of `min`, `max`, `keep`, `top`, `max_bad_rate` and `any_good`; with `then`, it
    may be none.
    """

    by: Score = "confidence"
    """confidence: higher is surer; uncertainty: lower is surer; novelty: higher is less like the
    training data, for models that have an index of these, `indexed` of `GET /v1/models`."""

    min: Annotated[Number, Field(ge=-LARGEST, le=LARGEST)] | None = None
    """Pass at this score or above; a confidence is from 0 to 1."""

    max: Annotated[Number, Field(ge=-LARGEST, le=LARGEST)] | None = None
    """Pass at this score or below; likewise."""

    keep: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Pass if among this share of the surest, by the model's calibration: at a confidence of
    1 - keep or above. Decided sample by sample, so the share of a request's own samples varies.
    For settings at which confidence holds only, `calibrated.holds` of `GET /v1/models`."""

    top: Annotated[Integer, Field(ge=1, le=MOST)] | None = None
    """Pass if among so many of the surest of this request: exactly so many do. Decided once all
    samples are finished; a stream has them at its end."""

    max_bad_rate: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """Pass at the lowest confidence at which, as certified with 90 % confidence, no more than this
    share of what passes is bad in the eyes of the judge that `sureflow calibrate --judge` asked.
    For the settings that were judged only, `calibrated.conformal` and `calibrated.elsewhere` of
    `GET /v1/models`, and of edits only for those that were; with classes, the rate is that over all
    classes in equal shares. Choose the rate without looking at the certified ones."""

    any_good: Annotated[Number, Field(gt=0, lt=1)] | None = None
    """Pass as few samples as make sure, with this probability, that at least one of them is good,
    as certified with 90 % confidence by the same judge. Samples are made until so many have the
    confidence that it takes, at most `n`; `selection.any_good` of the answer is what came of it.
    For one class, or a model without classes, and the settings of `max_bad_rate`; leave out
    `accept`."""

    per: Literal["class"] | None = None
    """With `max_bad_rate`. class: each class has a threshold of its own, such that with 90 %
    confidence the rate holds in every class of the model at once; a class of which it cannot be
    certified is refused."""

    accept: Annotated[Integer, Field(ge=1, le=MOST)] | None = None
    """Go on until so many samples have passed; `n` is then this number. Samples that fail are
    treated as `action` says, and are part of the answer."""

    stratify: Flag = False
    """With `labels`: as many of each pass. With `top`, the surest of each class; with `accept` or
    `regenerate`, each sample is drawn anew until it passes."""

    action: Action = "annotate"
    """annotate: only say so; drop: leave out the data; regenerate: leave it out and make another
    sample instead, as `accept` does for n samples; rewind: leave it out, take the sample back to
    its commit point and send it elsewhere from there. Every sample keeps its record."""

    max_attempts: Annotated[Integer, Field(ge=1, le=MOST)] | None = None
    """With `accept` or `regenerate`: stop after this many times as many samples as shall pass,
    whatever has passed; with `rewind`: attempts at each sample, the first one included. 4 by
    default."""

    shift: Annotated[Number, Field(gt=-1, lt=1)] | None = None
    """With `rewind`: added to the time of the commit point, by default -0.1. At the commit point
    itself most is decided; a little earlier leaves more open, for more evaluations."""

    early: Early = False
    """true: give up samples on the way that are foreseen not to pass. By confidence with `min`,
    `keep` or `max_bad_rate`, for scores that the model can foresee, `calibrated.early` of
    `GET /v1/models`, and with the solver and the steps of its calibration, for which at most 2 % of
    those that would pass are lost. halving: give up the less sure half of the request's samples at
    t = 0.2, 0.4 and 0.6, or later where the score foretells later, but leave as many as shall pass;
    with `top`, with `keep`, of which then exactly that share of the request passes, or with
    `accept`, which starts several samples for each. For fixed steps, and without a promise of what
    is lost."""

    then: SecondStageOptions | None = None
    """A judge of the samples that pass so far: those that it finds worse do not pass either, and
    are treated as `action` says, annotate or drop. Without another criterion it is asked about all
    samples. One that it can say nothing about does not pass; `decision.then` says why. Its cost is
    `usage.judged`."""

    @property
    def criterion(self) -> str | None:
        """What the filter goes by before a judge is asked; ``None`` if by nothing."""
        return next((name for name in CRITERIA if getattr(self, name) is not None), None)

    @property
    def targets(self) -> bool:
        """Whether samples that fail call for others."""
        return self.accept is not None or self.action == "regenerate"

    @property
    def attempts(self) -> int:
        """How many times as many samples as shall pass may be made."""
        return self.max_attempts or DEFAULT_MAX_ATTEMPTS

    @field_validator(
        "min",
        "max",
        "keep",
        "top",
        "max_bad_rate",
        "any_good",
        "per",
        "accept",
        "action",
        "max_attempts",
        "shift",
        "early",
        "then",
    )
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None or value is False:
            return value
        if misfit := _misfit(str(info.field_name), value, {"by": "confidence", **info.data}):
            raise PydanticCustomError("rule", misfit)
        return value

    @model_validator(mode="after")
    def _one_criterion(self) -> FilterOptions:
        given = sum(getattr(self, name) is not None for name in CRITERIA)
        if given > 1 or (given == 0 and self.then is None):
            raise PydanticCustomError("bounds", f"give exactly one of {', '.join(CRITERIA)}")
        balanced = self.top is not None or self.targets
        if self.stratify and not balanced:
            raise PydanticCustomError("rule", "stratify needs top, accept or regenerate")
        return self


def _misfit(name: str, value: Any, said: dict[str, Any]) -> str | None:
    """Why a field does not fit those before it; ``None`` if it does."""
    action = said.get("action")
    if name in ("min", "max") and said["by"] == "confidence" and not 0 <= value <= 1:
        return "is a confidence, which is from 0 to 1; by says if it is to be the uncertainty"
    if name in ("min", "max") and said["by"] == "novelty" and not 0 <= value <= 1:
        return "is a novelty, which is from 0 to 1"
    if name in ("keep", "max_bad_rate", "any_good") and said["by"] != "confidence":
        return "goes by confidence; leave out by"
    if said["by"] == "novelty" and (name == "top" or (name == "early" and value == HALVING)):
        return "goes by how sure the model is, not by novelty"
    if name == "per" and said.get("max_bad_rate") is None:
        return "needs max_bad_rate"
    if said.get("any_good") is not None and (unfit := _besides_any_good(name, value)):
        return unfit
    if name == "accept" and said.get("top") is not None:
        return "not with top, which needs a fixed n"
    if name == "action" and value in AGAIN and said.get("top") is not None:
        return "not with top; choose annotate or drop"
    if name == "action" and value == "rewind" and said.get("accept") is not None:
        return "rewind is for n samples, not with accept"
    if name == "max_attempts" and said.get("accept") is None and action not in AGAIN:
        return "needs accept, or the action regenerate or rewind"
    if name == "shift" and action != "rewind":
        return "needs the action rewind"
    if name == "then":
        return _unjudged(said)
    if name == "early" and value == HALVING:
        return _unhalved(said)
    if name == "early":
        bounds = [said.get(each) for each in ("min", "keep", "max_bad_rate")]
        if said["by"] != "confidence" or bounds == [None, None, None]:
            return "goes by confidence, with min, keep or max_bad_rate"
        if action == "rewind":
            return "not with rewind: who is given up has no way back"
    return None


def _unjudged(said: dict[str, Any]) -> str | None:
    """Why no judge can be asked in the end; ``None`` if one can be."""
    if said.get("accept") is not None or said.get("action") in AGAIN:
        return "not with accept, regenerate or rewind: no other sample is made for one it refuses"
    if said.get("any_good") is not None:
        return "not with any_good, whose promise is about what passes without it"
    return None


def _besides_any_good(name: str, value: Any) -> str | None:
    """Why a field does not go with `any_good`; ``None`` if it does."""
    if name in ("accept", "max_attempts"):
        return "not with any_good, which says how many pass, and n how many may be made"
    if name == "action" and value in AGAIN:
        return "not with any_good; choose annotate or drop"
    if name == "early":
        return "not with any_good: nothing is certified of samples that others were given up for"
    return None


def _unhalved(said: dict[str, Any]) -> str | None:
    """Why samples are not compared on the way; ``None`` if they can be."""
    if all(said.get(name) is None for name in ("top", "keep", "accept")):
        return "halving goes with top, keep or accept, which say how many to finish"
    if said.get("max_bad_rate") is not None:
        return "not halving with max_bad_rate: no rate is certified for samples that were chosen so"
    if said.get("action") in AGAIN:
        return f"halving is not with {said['action']}; accept makes others too"
    return None
