"""Two servers over one Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.server.conftest import Guarded, add_key
from tests.server.store.redis_server import RedisServer


class Pair:
    """Two servers, with keys, and the Redis that they share."""

    def __init__(self, redis: RedisServer, servers: tuple[Guarded, Guarded], file: Path) -> None:
        self.redis = redis
        self.one, self.two = servers
        self.file = file

    def key(self, **limits: Any) -> str:
        return add_key(self.file, "generate", "edit", **limits)
