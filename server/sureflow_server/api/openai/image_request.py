"""The body of ``POST /v1/images/generations``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from sureflow.core.condition import TEXT_LENGTH
from sureflow.core.schema import MOST, Flag, Integer, Name
from sureflow_server.api.family_part import deferred_part
from sureflow_server.api.requests import GenerateRequest

MAX_PARTIAL_IMAGES = 3

NEUTRAL = (None, "auto")
"""What a field that is ignored may say and mean nothing by."""

IGNORED = (
    *("quality", "style", "moderation", "complexity", "output_compression"),
    *("user", "safety_identifier"),
)
"""Fields of OpenAI that nothing here depends on."""


class ImageRequest(GenerateRequest):
    """Ask for images as clients of OpenAI do.

    Beside OpenAI's own fields it takes those of `POST /v1/generate`, which its client sends by
    `extra_body`. A field of OpenAI that is null counts as left out.
    """

    n: Annotated[Integer, Field(ge=1, le=MOST)] | None = None  # type: ignore[assignment]
    """How many images, by default 1; with `filter.accept`, leave it out."""

    guidance: Annotated[Any, deferred_part(lambda family: family.guidance)] = Field(default={})
    sampler: Annotated[Any, deferred_part(lambda family: family.sampler)] = Field(default={})

    prompt: Annotated[str, Field(max_length=TEXT_LENGTH)] | None = None
    """A text, where the model takes one; the name or the number of a class, where it has classes.
    By default, or empty, nothing is asked for."""

    size: Name | None = None
    """Width and height, such as 32x28, of one of the `sizes` of the model, which are height and
    width; `auto` is the first of them."""

    response_format: Literal["b64_json"] | None = None
    """Images come in the answer. There are no links."""

    output_format: Literal["png"] | None = None
    background: Literal["opaque", "auto"] | None = None

    stream: Flag | None = None
    """Answer with events: `image_generation.partial_image`, and `image_generation.completed` for
    every image."""

    partial_images: Annotated[Integer, Field(ge=0, le=MAX_PARTIAL_IMAGES)] | None = None
    """With `stream`: how often each image is shown on its way, as what the model then expects of
    it. Not with a filter that withholds images."""

    quality: Name | None = None
    """Ignored; `sampler` says what is to be done."""

    style: Name | None = None
    """Ignored."""

    moderation: Name | None = None
    """Ignored."""

    complexity: Name | None = None
    """Ignored."""

    output_compression: Annotated[Integer, Field(ge=0, le=100)] | None = None
    """Ignored; a PNG loses nothing."""

    user: Name | None = None
    """Ignored."""

    safety_identifier: Name | None = None
    """Ignored."""

    @field_validator("response_format", mode="before")
    @classmethod
    def _no_links(cls, value: Any) -> Any:
        if value == "url":
            raise PydanticCustomError("rule", "there are no links; images come as b64_json")
        return value

    @property
    def count(self) -> int:
        """Samples to begin with; with a target, those that shall pass."""
        return super().count or 1

    @property
    def warnings(self) -> list[str]:
        """What is not done of what was asked for."""
        said = [name for name in IGNORED if getattr(self, name) not in NEUTRAL]
        found = [f"{name} is ignored" for name in said]
        if self.partial_images and not self.stream:
            found.append("partial_images is ignored without stream")
        return found
