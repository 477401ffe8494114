"""Tokens: what a client sends. ``sf_<id>_<secret>``, of which the server keeps a digest."""

from __future__ import annotations

import re
from hashlib import sha256
from secrets import choice
from string import ascii_letters, ascii_lowercase, digits

ID_LENGTH = 12
SECRET_LENGTH = 43
"""Of 62 letters and digits: 256 bits. So much cannot be guessed from its digest, which therefore
needs neither salt nor slowness; the id in front makes equal digests impossible anyway."""

TOKEN = re.compile(rf"sf_([a-z0-9]{{{ID_LENGTH}}})_[A-Za-z0-9]{{{SECRET_LENGTH}}}", re.ASCII)


def mint() -> tuple[str, str]:
    """Draw a new token; return its id and the whole of it."""
    key_id = _draw(ascii_lowercase + digits, ID_LENGTH)
    return key_id, f"sf_{key_id}_{_draw(ascii_letters + digits, SECRET_LENGTH)}"


def key_id(token: str) -> str | None:
    """Return the public part of a token; ``None`` if it is none."""
    match = TOKEN.fullmatch(token)
    return match and match[1]


def digest(token: str) -> str:
    """Return what is kept of a token."""
    return f"sha256:{sha256(token.encode()).hexdigest()}"


def _draw(alphabet: str, length: int) -> str:
    return "".join(choice(alphabet) for _ in range(length))
