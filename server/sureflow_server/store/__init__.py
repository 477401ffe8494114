"""Where rewind handles live, and for how long."""

from sureflow_server.store.errors import (
    DamagedHandleError,
    ExpiredHandleError,
    HandleError,
    HandleTooLargeError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
    UnknownHandleError,
)
from sureflow_server.store.handle import Handle, new_id
from sureflow_server.store.store import Entry, Store, Usage

__all__ = [
    "DamagedHandleError",
    "Entry",
    "ExpiredHandleError",
    "Handle",
    "HandleError",
    "HandleTooLargeError",
    "Store",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
    "StoreUnavailableError",
    "UnknownHandleError",
    "Usage",
    "new_id",
]
