from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from sureflow_server.settings import Settings
from sureflow_server.store.embedded import EmbeddedStore
from sureflow_server.store.open import data_dir, open_store
from sureflow_server.store.shared import SharedStore
from tests.server.store.places import make_handle
from tests.server.store.redis_server import RedisServer


@pytest.mark.parametrize("kind", [EmbeddedStore, SharedStore])
def test_the_settings_choose_the_store(
    kind: type[EmbeddedStore | SharedStore], tmp_path: Path, redis: RedisServer
) -> None:
    url = SecretStr(redis.url) if kind is SharedStore else None
    settings = Settings(data_dir=tmp_path / "new" / "folder", store=url, store_max_bytes=12345)

    async def check() -> None:
        store = await open_store(settings)
        kept = await store.put(make_handle(), {})
        assert isinstance(store, kind)
        assert (await store.usage()).max_bytes == 12345
        await store.delete(kept.id)
        await store.close()

    asyncio.run(check())
    assert (tmp_path / "new" / "folder" / "handles").is_dir() == (kind is EmbeddedStore)


def test_data_has_a_place_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert data_dir(Settings(data_dir=tmp_path)) == tmp_path
    monkeypatch.delenv("SUREFLOW_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg")
    assert data_dir(Settings()) == Path("/xdg/sureflow")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert data_dir(Settings()) == Path("/home/me/.local/share/sureflow")
