"""Drawing the seed that the caller did not give."""

from __future__ import annotations

import secrets

SEED_BITS = 53
"""Every such integer survives JSON readers that hold numbers as doubles."""


def draw_seed() -> int:
    """Return a fresh seed, ``0 <= seed < 2**53``.

    The client draws it, not the server, so that a retried request is the same request and gets the
    same samples.
    """
    return secrets.randbits(SEED_BITS)
