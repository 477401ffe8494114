"""Where rewind handles live, and for how long; and verdicts."""

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
    VerdictsFullError,
)
from sureflow_server.store.handle import Handle, new_id
from sureflow_server.store.store import Entry, Store, Usage
from sureflow_server.store.verdict import SERVED, Draw, Place, Successor, Verdict
from sureflow_server.store.verdict_store import VerdictStore

__all__ = [
    "SERVED",
    "DamagedHandleError",
    "Draw",
    "Entry",
    "ExpiredHandleError",
    "Handle",
    "HandleError",
    "HandleTooLargeError",
    "Place",
    "Store",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
    "StoreUnavailableError",
    "Successor",
    "UnknownHandleError",
    "Usage",
    "Verdict",
    "VerdictStore",
    "VerdictsFullError",
    "new_id",
]
