"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; nothing in its cells ends a cell or a line, or is taken for HTML."""
    lines = [[*head], *([cell(one) for one in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def cell(text: str) -> str:
    """Return a text as one that fits a cell; what is code stays as it is."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    parts[::2] = [prose.replace("<", "&lt;") for prose in parts[::2]]
    return "`".join(parts)


def code(text: object) -> str:
    """Return something as code."""
    return f"`{text}`"
