"""What a client holds of a trajectory."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

OVERHEAD = 512
"""Bytes that a handle or a frame counts for beside its payload: its entries in the index."""

PREFIX = "hdl_"
_ID = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{22}}")


def new_id() -> str:
    """Return an id that nobody can guess: 128 random bits."""
    return PREFIX + secrets.token_urlsafe(16)


def is_id(text: str) -> bool:
    """Whether a text has the form of an id; only such texts may become part of a path or key."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Handle:
    """A trajectory that can be made again. The payloads are bytes to the store.

    Attributes:
        id: See :func:`new_id`.
        owner: Id of the key that made it; empty without authentication.
        model: Name of the model.
        model_version: The version whose bytes the recipe stands for.
        created: Seconds since the epoch.
        expires: Seconds since the epoch; from then on it is gone.
        note: Facts about the sample, as JSON; small.
        recipe: How to make the trajectory again, as safetensors. It is what the handle is.
        sample: The finished sample, as safetensors.
    """

    id: str
    owner: str
    model: str
    model_version: str
    created: float
    expires: float
    note: bytes
    recipe: bytes
    sample: bytes

    def __post_init__(self) -> None:
        """Refuse what no store could hold."""
        if not is_id(self.id):
            raise ValueError(f"id: {self.id!r} is not that of a handle")
        if not self.created < self.expires:
            raise ValueError("expires: a handle must expire later than it was created")

    @property
    def nbytes(self) -> int:
        """Bytes that it counts for without its frames."""
        return len(self.note) + len(self.recipe) + len(self.sample) + OVERHEAD
