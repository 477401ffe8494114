"""Both stores, and a Redis for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.store.places import FolderPlace, Place, RedisPlace, redis_server
from tests.server.store.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """One Redis for all tests that leave it running."""
    with redis_server() as server:
        yield server


@pytest.fixture(params=["embedded", "shared"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place where no store is yet."""
    if request.param == "embedded":
        return FolderPlace(tmp_path / "handles")
    return RedisPlace(request.getfixturevalue("redis"))
