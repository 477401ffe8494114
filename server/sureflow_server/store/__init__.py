"""Where rewind handles live, and for how long."""

from sureflow_server.store.errors import (
    DamagedHandleError,
    ExpiredHandleError,
    HandleError,
    HandleTooLargeError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
    UnknownHandleError,
)
from sureflow_server.store.handle import Handle, is_id, new_id
from sureflow_server.store.store import Entry, Page, Store, Usage

__all__ = [
    "DamagedHandleError",
    "Entry",
    "ExpiredHandleError",
    "Handle",
    "HandleError",
    "HandleTooLargeError",
    "Page",
    "Store",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
    "StoreUnavailableError",
    "UnknownHandleError",
    "Usage",
    "is_id",
    "new_id",
]
