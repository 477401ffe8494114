"""What can go wrong in a store, as a tree.

* StoreError
  * StoreUnavailableError     the folder or Redis cannot be reached or written; it may come back
  * StoreLockedError          another server has the folder
  * StoreDamagedError         the folder is not what it was left as; a person has to look
  * StoreFullError            live handles leave no room, or the disk does not
    * HandleTooLargeError     it would not fit even into an empty store
    * VerdictsFullError       there are as many verdicts as there may be
  * HandleError               of one handle; see ``id``
    * UnknownHandleError      there never was one, or it was deleted
    * ExpiredHandleError      its time is over
    * DamagedHandleError      what was read is not what was written
"""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """Root of what a store raises on purpose.

    Attributes:
        kind: What clients know it as.
        retry_after_s: Seconds after which another attempt makes sense; ``None`` if nobody knows.
    """

    kind = "internal"
    retry_after_s: float | None = None


class StoreUnavailableError(StoreError):
    """The folder or Redis cannot be reached, read or written; later it may be."""

    kind = "store-unavailable"
    retry_after_s = 2.0


class StoreLockedError(StoreError):
    """Another server has the folder."""


class StoreDamagedError(StoreError):
    """The index or the payloads are not what they were left as. Nothing in the folder was changed.

    Args:
        what: What is wrong.
        folder: Where.
    """

    def __init__(self, what: str, folder: Path) -> None:
        super().__init__(
            f"{folder}: {what}; put back what was there, or move {folder} away to begin with an"
            " empty store"
        )


class StoreFullError(StoreError):
    """Live handles leave no room, or the disk or Redis itself is full. Nothing was put."""

    kind = "store-full"


class HandleTooLargeError(StoreFullError):
    """The handle would not fit even into an empty store."""


class VerdictsFullError(StoreFullError):
    """There are as many verdicts as there may be. Nothing was kept.

    Args:
        most: How many.
    """

    kind = "verdicts-full"

    def __init__(self, most: int) -> None:
        super().__init__(f"there are {most} verdicts, as many as may be kept (max_verdicts)")


class HandleError(StoreError):
    """Something about one handle.

    Attributes:
        id: The handle, as it was asked for.
    """

    what = "cannot be had"

    def __init__(self, id: str) -> None:
        super().__init__(f"handle {id} {self.what}")
        self.id = id


class UnknownHandleError(HandleError):
    """There never was such a handle, or it was deleted, or it expired long ago."""

    kind = "unknown-handle"
    what = "is not known"


class ExpiredHandleError(HandleError):
    """The handle's time is over, or it has made room for those of owners who had less."""

    kind = "handle-expired"
    what = "has expired, or has made room for handles of others"


class DamagedHandleError(HandleError):
    """What was read is not what was written; the handle can only be deleted."""

    kind = "handle-damaged"
    what = "is damaged: what is left of it is not what was kept"
