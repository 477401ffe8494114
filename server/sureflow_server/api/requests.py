"""Bodies of requests, as the OpenAPI document shows them."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Any

from pydantic import Field

from sureflow.core.condition import ConditionOptions, Label
from sureflow.core.family import families
from sureflow.core.schema import MOST, AtMost, Flag, Integer, Name, Number, OneOf, Schema
from sureflow_server.api.family_part import named_part
from sureflow_server.api.filter_options import FilterOptions
from sureflow_server.api.rewind_options import RewindOptions

MAX_DEADLINE_S = 86_400.0
MAX_PRIORITY = 10
MAX_LABELS = 1024

Seed = Annotated[Integer, Field(ge=0, lt=2**63)]
Deadline = Annotated[Number, Field(gt=0, le=MAX_DEADLINE_S)]
Priority = Annotated[Integer, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]

SCORES = {name: score for family in families().values() for name, score in family.scores.items()}
"""What the scores of all installed families mean."""

FORMS = tuple(
    dict.fromkeys(chain.from_iterable(each.codec.media_types for each in families().values()))
)
"""Forms in which samples of all installed families can travel."""

ScoreName = Annotated[str, OneOf(tuple(SCORES))]
Form = Annotated[str, OneOf(FORMS)]


class ConfidenceOptions(Schema):
    """How sureness is measured, and how much of it is returned."""

    method: Annotated[
        ScoreName | None,
        Field(
            description="The score that becomes `uncertainty` and `confidence`; by default the one "
            "that the model is best judged by, see `calibrated.score` of `GET /v1/models`. "
            + "; ".join(f"{name}: {score.says}" for name, score in SCORES.items())
            + "."
        ),
    ] = None

    also: Annotated[tuple[ScoreName, ...], AtMost(len(SCORES))] = ()
    """Further scores to return in `scores`. Most are free; some ask for evaluations of their
    own."""

    profile: Flag = False
    """Return the uncertainty rate over time."""

    map: Flag = False
    """Return the uncertainty of every component."""


class OutputOptions(Schema):
    """How arrays travel in JSON."""

    format: Form | None = None
    """png: base64 PNG, images only; npy: base64 .npy, exact; list: nested lists. By default png
    for images and list for vectors. `formats` of `GET /v1/models` lists those of a model, the
    default one first."""


class GenerateRequest(Schema):
    """Ask for `n` samples of a model, each with its confidence."""

    model: Name | None = None
    """By default the server's default model."""

    n: Annotated[Integer, Field(ge=1, le=MOST)] = 1
    """How many samples; with `filter.accept`, leave it out."""

    seed: Seed | None = None
    """Same seed, same samples, byte for byte. By default drawn, and returned."""

    first: Annotated[Integer, Field(ge=0, le=MOST)] = 0
    """Index of the first sample: sample i is the same for any `first` and `n` that include it, so
    with the `seed` and `index` of its record as `seed` and `first`, and n = 1, it is made alone."""

    condition: ConditionOptions | None = None

    labels: Annotated[tuple[Label, ...], AtMost(MAX_LABELS), Field(min_length=1)] | None = None
    """In place of `condition.label`, numbers or names of classes that take turns: sample i is of
    class i modulo their number, and its `label` says which that is."""

    guidance: Annotated[Any, named_part("guidance")] = Field(default={}, validate_default=True)
    sampler: Annotated[Any, named_part("sampler")] = Field(default={}, validate_default=True)
    confidence: ConfidenceOptions = ConfidenceOptions()
    filter: FilterOptions | None = None
    rewind: RewindOptions | None = None
    output: OutputOptions = OutputOptions()

    deadline_s: Deadline | None = None
    """Seconds after which nobody waits any more. A request that cannot be done by then is refused
    at once (429), and ends then if it is not (504). Samples with a tolerance that are late widen
    it, and have the finish_reason deadline."""

    priority: Priority = 0
    """Higher ones are served before lower ones."""

    @property
    def count(self) -> int:
        """Samples to begin with; with a target, those that shall pass."""
        accept = None if self.filter is None else self.filter.accept
        return self.n if accept is None else accept
