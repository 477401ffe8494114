"""Garbage collection in a process that has started up and will stay as it is for long."""

from __future__ import annotations

import gc


def freeze_garbage() -> None:
    """Collect garbage now, and exempt every object that is left from further collections.

    Modules, schemas and networks live as long as the process. A collection that walks through them
    takes a tenth of a second, in which the server sends no refusal and makes no tick; and it writes
    to memory that a worker shares with the fork server. An exempt object is still freed when its
    last reference goes; after many reference cycles have been dropped, ``gc.unfreeze`` comes first.
    """
    gc.collect()
    gc.freeze()
