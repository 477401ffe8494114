"""The stores that the settings name."""

from __future__ import annotations

import os
from pathlib import Path

from sureflow_server.settings import Settings
from sureflow_server.store.embedded import EmbeddedStore
from sureflow_server.store.store import Store
from sureflow_server.store.verdict_file import VerdictFile
from sureflow_server.store.verdict_store import VerdictStore

FOLDER = "handles"
"""In the data folder."""

VERDICTS = "verdicts"
"""Likewise."""


async def open_store(settings: Settings) -> Store:
    """Open the store of a server.

    Raises:
        StoreError: It cannot be opened; the message says why and names the folder or what Redis
            said, but no password.
    """
    if settings.store is None:
        return await EmbeddedStore.open(data_dir(settings) / FOLDER, settings.store_max_bytes)
    # A server without Redis starts without its client.
    from sureflow_server.store.shared import SharedStore

    return await SharedStore.open(settings.store.get_secret_value(), settings.store_max_bytes)


async def open_verdicts(settings: Settings) -> VerdictStore:
    """Open the store of verdicts of a server, where its handles are.

    Raises:
        StoreError: It cannot be opened; the message says why.
    """
    if settings.store is None:
        return await VerdictFile.open(data_dir(settings) / VERDICTS, settings.max_verdicts)
    from sureflow_server.store.shared_verdicts import SharedVerdicts

    return SharedVerdicts(settings.store.get_secret_value(), settings.max_verdicts)


def data_dir(settings: Settings) -> Path:
    """Return the data folder."""
    if settings.data_dir is not None:
        return settings.data_dir
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "sureflow"
