"""What a server shares, as its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sureflow_server.settings import Settings

if TYPE_CHECKING:
    from sureflow_server.replicas.replica import Replica


def open_replica(settings: Settings) -> Replica | None:
    """Return this server among those over the same store; ``None`` if it has one of its own.

    Raises:
        StoreError: The address of the store cannot be one.
    """
    if settings.store is None:
        return None
    # A server without Redis starts without its client.
    from sureflow_server.replicas.link import Link
    from sureflow_server.replicas.replica import Replica

    return Replica(Link(settings.store.get_secret_value()))
