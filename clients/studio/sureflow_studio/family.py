"""Who descends from whom among samples that can be rewound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sureflow_client import HandleSummary, Sample

Recipe = tuple[dict[str, Any], ...]
"""Requests to the server, one after another, that make a sample."""


@dataclass(frozen=True)
class Member:
    """A sample that can be rewound.

    Attributes:
        handle: Its id.
        model: Name of the model that made it.
        parent: The handle that it branched off from; ``None`` if it did not.
        sample: What it came to; ``None`` while it has not been looked at.
        recipe: How it was made; ``None`` if nobody knows.
        left_at: Flow time at which it left its parent; ``None`` if it has none, or nobody knows.
    """

    handle: str
    model: str
    parent: str | None = None
    sample: Sample | None = None
    recipe: Recipe | None = None
    left_at: float | None = None


class Family:
    """All samples that the visitor has seen or made, by handle."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}

    def add(self, member: Member) -> None:
        """Take a member in, or what is newly known about it."""
        self.members[member.handle] = member

    def meet(self, summaries: Iterable[HandleSummary]) -> None:
        """Take in, without their samples, those that the server keeps and we do not know."""
        for one in summaries:
            if one.id not in self.members:
                self.add(Member(one.id, one.model, one.parent))

    def children(self, handle: str) -> list[Member]:
        """Return those that branched off from a member, in the order of being known."""
        return [member for member in self.members.values() if member.parent == handle]

    def line(self, handle: str) -> list[Member]:
        """Return a member and its ancestors as far as they are known, the eldest first."""
        found: list[Member] = []
        member = self.members.get(handle)
        while member is not None:
            found.insert(0, member)
            member = self.members.get(member.parent or "")
        return found

    def generations(self, handle: str) -> list[list[Member]]:
        """Return the rows of a family tree that is open along the line of a member.

        The eldest alone; its children; the children of that one among them which leads to the
        member; and so on, down to the member's own.
        """
        line = self.line(handle)
        rows = [line[:1], *(self.children(member.handle) for member in line)]
        return [row for row in rows if row]
