"""Body of ``POST /v1/invert``."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Any

from pydantic import Field

from sureflow.core.condition import ConditionOptions
from sureflow.core.json_array import JsonArray
from sureflow.core.schema import MOST, AtMost, Integer, Name, Schema
from sureflow_server.api.family_part import deferred_part, named_part
from sureflow_server.api.requests import ConfidenceOptions, Deadline, OutputOptions, Priority, Seed
from sureflow_server.api.rewind_options import RewindOptions

MAX_GIVEN = 256


class InvertRequest(Schema):
    """Have samples of one's own scored, and made fit to be edited.

    The flow is integrated from each of them back to noise, and from there as usual.
    """

    model: Name | None = None
    """By default the server's default model."""

    samples: Annotated[tuple[JsonArray, ...], Field(min_length=1), AtMost(MAX_GIVEN)]
    """Each of the model's shape, in the units of its data: nested lists, or a `.npy` or `.png` file
    in base64. Where samples are decoded, each a latent; a sample too if the model has a
    `sample_encoder`."""

    condition: ConditionOptions | None = None
    """What they are taken to be."""

    guidance: Annotated[Any, named_part("guidance")] = Field(default={}, validate_default=True)
    sampler: Annotated[Any, deferred_part(attrgetter("sampler"))] = Field(default={})
    """The same for both ways. What is left out is as is usual here: of a flow dopri5 with a
    tolerance of 0.0001, since the error of the way back is an error of the noise that is found."""

    seed: Seed = 0
    """Of what scores may draw; the noise is found, not drawn."""

    first: Annotated[Integer, Field(ge=0, le=MOST)] = 0
    """Index of the first sample: with the `seed` and `index` of its record as `seed` and `first`, a
    sample alone has the scores that it had among others."""

    confidence: ConfidenceOptions = ConfidenceOptions()
    rewind: RewindOptions | None = None
    """Give every sample a handle."""

    output: OutputOptions = OutputOptions()
    deadline_s: Deadline | None = None
    """As for `POST /v1/generate`."""

    priority: Priority = 0
