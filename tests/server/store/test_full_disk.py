"""A disk that is full to the last byte, as a real one is."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sureflow_server.store import StoreFullError, UnknownHandleError
from tests.server.store.places import FolderPlace, KiB, make_handle

FRAMES = {1: b"x" * 3000, 2: b"y"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def fill(disk: Path) -> None:
    size = 64 * KiB
    with open(disk / "filler", "ab", buffering=0) as file:
        while size:
            try:
                written = file.write(bytes(size))
            except OSError:
                written = 0
            if written < size:
                size //= 2


def test_what_is_there_can_be_read_and_deleted(disk: Path) -> None:
    async def check() -> None:
        place = FolderPlace(disk / "handles")
        async with place.open() as store:
            kept = [await store.put(make_handle(sample=5000), FRAMES) for _ in range(20)]
            for handle in kept[:10]:
                fill(disk)
                with pytest.raises(StoreFullError):
                    await store.put(make_handle(sample=5000), {})
                fill(disk)
                assert await store.get(handle.id) == handle
                assert await store.frame(handle.id, 9) == (2, b"y")
                assert await store.frames(handle.id) == [(1, 3000), (2, 1)]
                await store.delete(handle.id)
                with pytest.raises(UnknownHandleError):
                    await store.get(handle.id)
                listed = [entry.id for entry in (await store.owned("key")).entries]
                assert handle.id not in listed
            assert listed == [handle.id for handle in reversed(kept[10:])]
        fill(disk)
        async with place.open() as store:
            assert [await store.get(handle.id) for handle in kept[10:]] == kept[10:]
            await store.delete(kept[10].id)
            (disk / "filler").unlink()
            await store.sweep()
            again = await store.put(make_handle(sample=5000), FRAMES)
            assert await store.get(again.id) == again
            assert (await store.usage()).handles == 10
            assert (await store.usage()).bytes == place.nbytes()

    asyncio.run(check())


def test_a_server_that_starts_on_it_reads_and_deletes(disk: Path) -> None:
    async def check() -> None:
        place = FolderPlace(disk / "handles")
        async with place.open() as store:
            kept = [await store.put(make_handle(sample=5000), FRAMES) for _ in range(5)]
        fill(disk)
        async with place.open() as store:
            assert [await store.get(handle.id) for handle in kept] == kept
            await store.delete(kept[0].id)
            fill(disk)
        async with place.open() as store:
            with pytest.raises(UnknownHandleError):
                await store.get(kept[0].id)
            assert [await store.get(handle.id) for handle in kept[1:]] == kept[1:]
            assert store.damaged == 0

    asyncio.run(check())


def test_what_has_expired_makes_room(disk: Path) -> None:
    async def check() -> None:
        place = FolderPlace(disk / "handles")
        async with place.open() as store:
            for _ in range(20):
                await store.put(make_handle(lifetime=0.3, sample=20 * KiB), {})
            fill(disk)
            await asyncio.sleep(0.3)
            kept = await store.put(make_handle(sample=20 * KiB), FRAMES)
            assert await store.get(kept.id) == kept
            assert (await store.usage()).handles == 1

    asyncio.run(check())
