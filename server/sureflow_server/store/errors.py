"""What can go wrong in a store, as a tree.

* StoreError
  * StoreUnavailableError     the folder or Redis cannot be reached or written; it may come back
  * StoreLockedError          another server has the folder
  * StoreFullError            live handles leave no room, or the disk does not
    * HandleTooLargeError     it would not fit even into an empty store
  * HandleError               of one handle; see ``id``
    * UnknownHandleError      there never was one, or it was deleted
    * ExpiredHandleError      its time is over
    * DamagedHandleError      what was read is not what was written
"""


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


class StoreFullError(StoreError):
    """Live handles leave no room, or the disk or Redis itself is full. Nothing was put."""

    kind = "store-full"


class HandleTooLargeError(StoreFullError):
    """The handle would not fit even into an empty store."""


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
    """The handle's time is over."""

    kind = "handle-expired"
    what = "has expired"


class DamagedHandleError(HandleError):
    """What was read is not what was written; the handle is of no use any more."""

    what = "is damaged: what was read is not what was written"
