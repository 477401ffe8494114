"""A handle as the index of the embedded store has it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Row(NamedTuple):
    """A handle without its files, and what they must be like: length and digest."""

    id: str
    owner: str
    model: str
    model_version: str
    created: float
    expires: float
    note: bytes
    recipe: tuple[int, bytes]
    sample: tuple[int, bytes]

    @classmethod
    def of(cls, found: tuple[Any, ...]) -> Row:
        """Make one of the values of :data:`COLUMNS`."""
        return cls._make((*found[:7], found[7:9], found[9:]))


COLUMNS = """
id, owner, model, model_version, created, expires, note,
recipe_bytes, recipe_digest, sample_bytes, sample_digest
"""
