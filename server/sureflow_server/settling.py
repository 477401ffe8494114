"""A process that has started up, and will stay as it is for long."""

from __future__ import annotations

import gc


def settle() -> None:
    """Let go of what nobody holds, and spare what is left from further collections.

    Modules, schemas and networks are there for good; to walk through them again and again takes a
    tenth of a second each time, in which no refusal is sent and no tick made. What is let go later
    and does not hold itself is freed all the same; after more than that, settle again.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
