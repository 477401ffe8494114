"""Servers that share nothing, and servers that share a Redis."""

from __future__ import annotations

import pytest

from tests.server.replicas.places import AlonePlace, SharedPlace
from tests.server.store.redis_server import RedisServer


@pytest.fixture(params=["alone", "shared"])
def place(request: pytest.FixtureRequest) -> AlonePlace | SharedPlace:
    """Where servers are that know nothing yet."""
    if request.param == "alone":
        return AlonePlace()
    return SharedPlace(request.getfixturevalue("redis"))


@pytest.fixture
def shared(redis: RedisServer) -> SharedPlace:
    """Where servers share a Redis."""
    return SharedPlace(redis)
