"""Body of ``POST /v1/edit``."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from sureflow.core.schema import MOST, AtMost, Flag, Integer, Name, Number, Schema
from sureflow_server.api.family_part import deferred_part, operation_of
from sureflow_server.api.filter_options import FilterOptions
from sureflow_server.api.requests import ConfidenceOptions, Deadline, OutputOptions, Priority, Seed
from sureflow_server.api.rewind_options import RewindOptions

MAX_OPERATIONS = 8
MAX_BRANCHES = 64
MAX_RANK = 8


class AtTime(Schema):
    """A time."""

    t: Annotated[Number, Field(ge=0, lt=1)]
    """0 is noise, 1 is data. The last step that begins there or before."""


class AtStep(Schema):
    """A step."""

    step: Annotated[Integer, Field(ge=0, le=MOST)]
    """So many steps completed."""


class AtCommit(Schema):
    """A commit point."""

    commit: Annotated[Integer, Field(ge=1, le=MAX_RANK)]
    """Of the moments at which the sample decided something, which `commits` of the handle lists: 1
    is its commit point, by which three quarters of its variance were resolved; 2 where what was
    open fell fastest, often earlier; 3 and up the next of these, as far as there are several."""

    shift: Annotated[Number, Field(gt=-1, lt=1)] = 0.0
    """Added to its time: a little earlier leaves more open."""


def _kind(at: object) -> str:
    if not isinstance(at, dict):
        return "(name)"
    return "(time)" if "t" in at else "(step)" if "step" in at else "(commit)"


At = Annotated[
    Annotated[Literal["commit"], Tag("(name)")]
    | Annotated[AtTime, Tag("(time)")]
    | Annotated[AtStep, Tag("(step)")]
    | Annotated[AtCommit, Tag("(commit)")],
    Discriminator(_kind),
]
"""Told apart by what was sent, so that a complaint is about the one that was meant."""


class EditRequest(Schema):
    """Take a trajectory up again where it was, and send it elsewhere."""

    handle: Annotated[Name, Field(max_length=64)]
    """Of a sample of this server."""

    at: At = "commit"
    """Where to leave the trajectory; commit is its own commit point."""

    operations: Annotated[
        tuple[Annotated[Any, deferred_part(operation_of)], ...], AtMost(MAX_OPERATIONS)
    ] = ()
    """What to do there, in this order. Without any the rest is made again, which with the same
    sampler gives the same bytes."""

    branches: Annotated[Integer, Field(ge=1, le=MAX_BRANCHES)] = 1
    """Alternatives, with different draws."""

    first: Annotated[Integer, Field(ge=0, le=MOST)] | None = None
    """Index of the first branch, by default 0: with the `seed` and `index` of its record as `seed`
    and `first`, and one branch, it is made alone. Only where something is drawn."""

    keep: Literal["all", "best"] = "all"
    """all: every branch with its data; best: only the surest, and only if it is surer than the
    original. Every branch keeps its record."""

    seed: Seed | None = None
    """Of what the branches draw. By default drawn, and returned."""

    sampler: Annotated[Any, deferred_part(attrgetter("sampler"))] | None = None
    """How the rest is integrated; what is left out is as for the trajectory."""

    confidence: ConfidenceOptions = ConfidenceOptions()
    """By default the score of the trajectory."""

    filter: FilterOptions | None = None
    rewind: RewindOptions | None = None
    """Give every branch a handle of its own."""

    output: OutputOptions = OutputOptions()
    deadline_s: Deadline | None = None
    """As for `POST /v1/generate`."""

    priority: Priority = 0

    require_exact: Flag = False
    """Refuse (409) where the trajectory was made on other kernels, so that it could not be made
    again bit for bit; otherwise it goes on with a warning, and the answer says replay approximate.
    """

    @field_validator("filter")
    @classmethod
    def _decides_only(cls, filter: FilterOptions | None) -> FilterOptions | None:
        if filter is not None and (filter.targets or filter.action == "rewind"):
            message = "branches are not made again: no accept; action annotate or drop"
            raise PydanticCustomError("rule", message)
        return filter
