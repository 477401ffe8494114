"""What a person says of a model that does not say it itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sureflow.core.provenance import complaint
from sureflow.importing.json_file import read_json

SETTINGS = ("inputs", "output", "channels", "path", "prediction", "time", "conditions")
"""Fields that are those of a network of kind ``frozen``."""


class Adapter(BaseModel):
    """The fields of an adapter, a JSON file or options of the command line; all may be left out.

    Attributes:
        inputs: Names of the network's arguments, by ours; see
            :class:`~sureflow.networks.foreign.call.Call`, as for ``output`` and ``channels``.
        path: See :class:`~sureflow.networks.foreign.convention.Convention`, as for ``prediction``
            and ``time``.
        conditions: Named arrays that it is conditioned on, as fields of a
            :class:`~sureflow.core.card.Condition`.
        shape: Shape of one sample.
        shapes: Sizes, or shapes, of the samples that it shall make, the default one first; by
            default that shape alone.
        classes: Names of the classes, or their number.
        null_label: Whether it understands the label that is one more than the last class as "no
            class"; by default that is tried.
        arguments: Arguments of the factory that makes it.
        examples: Prompts like those that it was trained with, by which confidence is measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: dict[str, str] | None = None
    output: str | None = None
    channels: int | None = None
    path: dict[str, Any] | None = None
    prediction: str | None = None
    time: str | None = None
    conditions: dict[str, dict[str, Any]] | None = None
    shape: Annotated[tuple[int, ...], Field(min_length=1, max_length=8)] | None = None
    shapes: Annotated[tuple[tuple[int, ...], ...], Field(min_length=1)] | None = None
    classes: tuple[str, ...] | int | None = None
    null_label: bool | None = None
    arguments: dict[str, Any] | None = None
    examples: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes; their numbers where they have none."""
        if isinstance(self.classes, int):
            return tuple(map(str, range(self.classes)))
        return self.classes or ()

    def settings(self) -> dict[str, Any]:
        """Those of the fields that are given which are the network's."""
        return {name: z for name in SETTINGS if (z := getattr(self, name)) is not None}


def read_adapter(file: Path | None, options: dict[str, Any]) -> Adapter:
    """Read an adapter; options that are given win over the file.

    Raises:
        ValueError: A field is not valid; the message begins with it, or with the file.
    """
    written = {} if file is None else read_json(file, file.parent)
    given = {name: value for name, value in options.items() if value is not None}
    try:
        # As JSON, so that lists become tuples and nothing else changes its type.
        return Adapter.model_validate_json(json.dumps({**written, **given}), strict=True)
    except ValidationError as error:
        field = complaint(error)
        known = error.errors()[0]["loc"][0] in given
        raise ValueError(field if file is None or known else f"{file}: {field}") from error
