"""Tools as they are listed: nothing is described twice, since agents read all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .brief_schema import inlined
from .tool import Tool

Schema = dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """A tool in a list of tools.

    Attributes:
        tool: The tool.
        says: What it does, and where arguments are described that it has in common with others.
        arguments: JSON Schema of what it is told.
        facts: JSON Schema of what it answers.
    """

    tool: Tool[Any]
    says: str
    arguments: Schema
    facts: Schema


def listed(tools: Iterable[Tool[Any]]) -> Iterator[Listed]:
    """Yield tools with their schemas.

    An argument that an earlier tool has too is described there, and so is a part of what it
    answers.
    """
    told: dict[str, tuple[str, Schema]] = {}
    answered: dict[str, str] = {}
    for tool in tools:
        arguments, facts = tool.schemas()
        facts = _referred(tool, facts, answered)
        known = _refer_arguments(tool.name, arguments["properties"], told)
        says = f"{tool.says} Without a description: as in {', '.join(known)}." if known else None
        yield Listed(tool, says or tool.says, inlined(arguments), inlined(facts))


def _refer_arguments(
    name: str, properties: Schema, told: dict[str, tuple[str, Schema]]
) -> list[str]:
    """Leave out what an earlier tool says of its arguments; returns the names of such tools."""
    known: dict[str, None] = {}
    for argument, about in properties.items():
        first, before = told.setdefault(argument, (name, about))
        if first != name and about == before:
            known[first] = None
            properties[argument] = {key: about[key] for key in ("type", "anyOf") if key in about}
    return [*known]


def _referred(tool: Tool[Any], schema: Schema, answered: dict[str, str]) -> Schema:
    parts = schema.get("$defs", {})
    for part in parts:
        if (first := answered.setdefault(part, tool.name)) != tool.name:
            parts[part] = _as_in(first)
    first = answered.setdefault(tool.facts.__name__, tool.name)
    return schema if first == tool.name else _as_in(first)


def _as_in(tool: str) -> Schema:
    return {"type": "object", "description": f"As in {tool}."}
