"""Connections to Redis."""

from __future__ import annotations

import re

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sureflow_server.store.errors import StoreError

CONNECT_S = 1.0
"""To connect; a Redis that is gone without a word is noticed after so long, and again as long."""

CONNECTIONS = 16

SECRET = re.compile("@|password=")
ESCAPED = (
    "write redis://:PASSWORD@HOST:PORT/NUMBER, signs of the password such as # and / as %23 and %2F"
)


def connections(url: str, answer_s: float) -> BlockingConnectionPool:
    """Return connections, none of which is open yet.

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``; with user, password and number of the
            database, if need be.
        answer_s: Seconds for which Redis may be silent.

    Raises:
        StoreError: The address cannot be one.
    """
    try:
        return BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=2 * answer_s,
            # Says plainly that a password is missing, and old servers speak it too.
            protocol=2,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=answer_s,
            # Once more on a new connection; every call may be repeated.
            retry=Retry(NoBackoff(), 1),
        )
    except ValueError as error:
        reason = ESCAPED if SECRET.search(url) else error  # whose words may be of the password
        raise StoreError(f"the address of Redis: {reason}") from None
