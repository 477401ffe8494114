"""One API key, as it is kept: everything about it but the secret."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

Scope = Literal["generate", "edit", "review", "metrics", "admin"]
"""What a key may be good for; none includes another. :mod:`sureflow_server.api.access` says which
route asks for which."""

SCOPES: tuple[Scope, ...] = get_args(Scope)

State = Literal["active", "expired", "revoked"]


class Key(BaseModel):
    """A key without its secret.

    Attributes:
        id: Public part of the token; owner of what is made with it.
        name: What people call it.
        scopes: What it is good for.
        digest: SHA-256 of the whole token.
        created_at: When it was made.
        expires_at: From when on it is refused; ``None`` is never.
        revoked_at: When it was withdrawn.
        samples_per_minute: Its rate; ``None`` is the server's default.
        max_samples_in_flight: Its samples accepted and not finished; ``None`` as above.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9]{12}$")]
    name: Annotated[str, Field(pattern=r"^[ -~]{1,64}$")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    samples_per_minute: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None
    max_samples_in_flight: PositiveInt | None = None

    def state(self, now: datetime) -> State:
        """Whether it is accepted at this time, and if not, why."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active"
