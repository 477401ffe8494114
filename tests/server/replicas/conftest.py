"""Servers that share nothing, and servers that share a Redis."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from sureflow.networks.registry import register
from tests.server.conftest import Guarded, add_key, make_checkpoint
from tests.server.elsewhere import KERNELS, Elsewhere, install
from tests.server.replicas.pair import Pair
from tests.server.replicas.places import AlonePlace, SharedPlace
from tests.server.running import serving
from tests.server.store.places import redis_server
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


@pytest.fixture(scope="session")
def pair(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers, whose network ``elsewhere`` has other last bits at the one than at the other."""
    root = tmp_path_factory.mktemp("pair")
    shutil.copytree(models_dir, root / "models")
    register("elsewhere", Elsewhere)
    make_checkpoint(root / "models" / "elsewhere", {"kind": "elsewhere"}, media="vector")
    plugins = install(root / "plugins")
    file = root / "keys.json"
    tokens = {"all": add_key(file, "generate", "edit", "metrics", "admin")}
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        redis = stack.enter_context(redis_server())
        options = ("--models-dir", str(root / "models"), "--default-model", "points")
        shared = ("--store", redis.url, "--api-keys-file", str(file))
        servers = []
        for kernels in ("0", "1"):
            patch.setenv(KERNELS, kernels)
            server = stack.enter_context(serving(*options, *shared, plugins=plugins))
            server.client.headers["Authorization"] = f"Bearer {tokens['all']}"
            servers.append(stack.enter_context(closing(Guarded(server, file, tokens))))
        yield Pair(redis, (servers[0], servers[1]), file)
