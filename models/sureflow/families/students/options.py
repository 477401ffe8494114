"""The sampler options of a request for a student. Free of torch."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from sureflow.core.schema import Integer, Schema
from sureflow.families.flow.options import LENGTHS, MAX_SIDE
from sureflow.families.flow.spec import MAX_STEPS
from sureflow.families.students.spec import STEPS, StudentSpec


class StudentOptions(Schema):
    """How a sample is made by multi-step consistency sampling, from noise (t = 0) to data (t = 1).

    Every step predicts the sample; between two steps a part of it becomes noise again.
    """

    spec: ClassVar[type[StudentSpec]] = StudentSpec

    steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] | None = None
    """Evaluations: one of the model's `step_counts`, which `GET /v1/models` lists; by default the
    most of them."""

    size: Annotated[list[Annotated[Integer, Field(ge=1, le=MAX_SIDE)]], LENGTHS] | None = None
    """Of the sample, one of the model's `sizes`; by default the first of them. A trajectory keeps
    that of its start."""

    def lane(self) -> dict[str, Any]:
        """Return the options as fields of a lane."""
        steps = STEPS if self.steps is None else self.steps
        return {"steps": steps, "size": None if self.size is None else tuple(self.size)}
