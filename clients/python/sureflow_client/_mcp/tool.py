"""What a tool is: arguments that are checked, and an answer that is short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import PIL.Image
from pydantic import BaseModel, ConfigDict

from .._async.client import AsyncClient
from .._job import Job
from .brief_schema import BriefSchema

Tell = Callable[[float, float, str], Awaitable[None]]
"""Tells the caller how far a call has come: so much, of so much, in words."""


class Arguments(BaseModel):
    """What a tool is told; a name that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Facts(BaseModel):
    """What a tool answers, for programs; what there is nothing to say of is left out."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True)
class Answer:
    """What a tool answers.

    Attributes:
        says: The answer in a sentence or a few.
        facts: The same for programs, and the ids that other tools take.
        picture: What there is to see.
    """

    says: str
    facts: Facts
    picture: PIL.Image.Image | None = None


@dataclass
class Call:
    """A call of a tool.

    Attributes:
        client: Asks the server, as the caller.
        tell: Tells the caller how far the call has come.
        files: Whether paths are those of the caller's machine, so that they may be read.
    """

    client: AsyncClient
    tell: Tell
    files: bool = False
    _told: float = field(default=0.0, init=False)

    async def report(self, jobs: Sequence[Job]) -> None:
        """Tell how far some jobs have come together; never less than was told before."""
        share = sum(1.0 if job.ended else job.progress.share for job in jobs) / len(jobs)
        if share <= self._told:
            return
        self._told = share
        done = sum(job.progress.done for job in jobs)
        await self.tell(share, 1.0, f"{done} of {sum(job.progress.n for job in jobs)} made")


A = TypeVar("A", bound=Arguments)


@dataclass(frozen=True)
class Tool(Generic[A]):
    """A tool.

    Attributes:
        name: By which it is called.
        says: What it does, for whoever chooses among tools.
        arguments: What it is told.
        facts: What it answers.
        run: Does it.
        changes: What is different afterwards: nothing, more is there, or less.
    """

    name: str
    says: str
    arguments: type[A]
    facts: type[Facts]
    run: Callable[[Call, A], Awaitable[Answer]]
    changes: Literal["nothing", "adds", "removes"] = "nothing"

    def schemas(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the JSON Schemas of its arguments and of its facts."""
        both = self.arguments, self.facts
        asked, facts = (one.model_json_schema(schema_generator=BriefSchema) for one in both)
        for part in (facts, *facts.get("$defs", {}).values()):
            part.pop("required", None)
        return asked, facts
