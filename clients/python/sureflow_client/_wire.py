"""The common ground of everything that is read from the server."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """Immutable; members that a newer server adds are kept as plain attributes."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())
