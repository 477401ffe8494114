"""Answers of ``POST /v1/images/generations``, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any, Literal

from sureflow.core.schema import Schema
from sureflow_server.api.openai.image_stream import COMPLETED, ERROR, PARTIAL
from sureflow_server.api.responses import SelectionRecord, Usage
from sureflow_server.api.sample_record import SampleFacts


class ImageRecord(SampleFacts):
    """One image, and what is known of it."""

    b64_json: str
    """The image, a PNG in base64."""

    revised_prompt: str | None = None
    """The class that the prompt was understood as, if the model has classes."""


class TokenDetails(Schema):
    """Zeros."""

    image_tokens: int
    text_tokens: int


class ImageUsage(Usage):
    """What the request cost. Tokens, which OpenAI counts, are 0."""

    input_tokens: int
    input_tokens_details: TokenDetails
    output_tokens: int
    total_tokens: int


class ImagesResponse(Schema):
    """The images, in the order of their index."""

    created: int
    """Seconds since the epoch."""

    background: Literal["opaque"]
    output_format: Literal["png"]
    size: str
    """Width and height."""

    id: str
    model: str
    model_version: str
    seed: int
    data: list[ImageRecord]
    """Every image that there is to show. Samples that the filter withholds are not here; nor are
    those that are not finite."""

    usage: ImageUsage
    left_out: dict[str, int]
    """How many samples are not in `data`, by what became of them: dropped, regenerated, rewound,
    abandoned, diverged."""

    selection: SelectionRecord | None
    """How many of each class were made and passed; null without a filter."""

    calibration_version: str | None
    warnings: list[str]
    """What was asked for and not done, and what went wrong."""


EVENTS: dict[str, Any] = {
    "schema": {
        "description": "Each event of the stream; its data is a JSON object, with the event as its "
        "`type`.",
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"enum": [PARTIAL, COMPLETED, ERROR]},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    }
}
"""How the OpenAPI document describes a stream of images."""
