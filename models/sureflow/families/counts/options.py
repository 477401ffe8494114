"""The sampler and guidance options of a request for counts. Free of torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sureflow.core.schema import Integer, Number, OneOf, Schema
from sureflow.families.counts.spec import BRIDGE, MAX_GUIDANCE, MAX_STEPS, METHODS


class CountOptions(Schema):
    """How counts move from the source (t = 0) to the sample (t = 1)."""

    method: Annotated[str, OneOf(METHODS)] = BRIDGE
    """bridge: towards an end that is drawn anew at every step, right in few steps; tau: births and
    deaths at rates that are held over a step; unit: at most one of them a step and component, so it
    takes several times as many steps as the largest count."""

    steps: Annotated[Integer, Field(ge=1, le=MAX_STEPS)] = 20
    """Evaluations, in equal steps of time."""


class CountGuidance(Schema):
    """Classifier-free guidance."""

    scale: Annotated[Number, Field(ge=0, le=MAX_GUIDANCE)] = 1.0
    """1 is the plain conditional model; any other scale needs a label and costs a second network
    row per evaluation."""
