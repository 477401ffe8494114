"""Both stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.store.places import FolderPlace, Place, RedisPlace


@pytest.fixture(params=["embedded", "shared"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place where no store is yet."""
    if request.param == "embedded":
        return FolderPlace(tmp_path / "handles")
    return RedisPlace(request.getfixturevalue("redis"))
