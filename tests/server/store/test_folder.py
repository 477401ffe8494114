"""What only a folder can go through: being killed, disks that are full, files that rot."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sureflow_server.store import (
    DamagedHandleError,
    ExpiredHandleError,
    StoreDamagedError,
    StoreFullError,
    StoreLockedError,
    StoreUnavailableError,
    UnknownHandleError,
)
from sureflow_server.store.embedded import EmbeddedStore
from sureflow_server.store.handle import OVERHEAD
from tests.server.store import writing
from tests.server.store.places import FolderPlace, KiB, make_handle

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    return FolderPlace(tmp_path / "handles")


def test_nothing_is_lost_or_torn_by_being_killed(place: FolderPlace) -> None:
    killed_again_and_again(place, times=4)


@pytest.mark.slow
def test_nothing_is_lost_or_torn_by_being_killed_often(place: FolderPlace) -> None:
    killed_again_and_again(place, times=40)


def killed_again_and_again(place: FolderPlace, times: int) -> None:
    draw = random.Random(5)
    promised: set[str] = set()
    unsure: set[str] = set()
    for seed in range(times):
        said = said_until_killed(place.path, seed, draw.randrange(1, 300), draw.random())
        deleting = {id for what, id in said if what == "deleting"}
        promised = (promised | {id for what, id in said if what == "put"}) - deleting
        unsure |= {id for what, id in said if what == "putting"} | deleting
        promised &= asyncio.run(found_whole(place, promised, unsure))
    assert len(unsure) > 20 * times


def said_until_killed(folder: Path, seed: int, lines: int, moment: float) -> list[tuple[str, str]]:
    """Let a process write, and kill it a moment after it has said so much."""
    command = [sys.executable, "-m", "tests.server.store.writing", str(folder), "300000", str(seed)]
    paths = [ROOT, ROOT / "models", ROOT / "server"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    said: list[str] = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if len(said) == lines:
                time.sleep(moment * 0.02)
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return [(line.split()[0], line.split()[1]) for line in said if line.endswith("\n")]


async def found_whole(place: FolderPlace, promised: set[str], unsure: set[str]) -> set[str]:
    """Check everything that is there; return which handles that is."""
    async with place.open(300_000) as store:
        there = {entry.id for entry in (await store.owned("key", 10_000)).entries}
        assert promised <= there <= promised | unsure
        names = set()
        for id in there:
            kept = await store.get(id)
            expected = writing.handle(id, 1e6)
            assert kept == replace(expected, created=kept.created, expires=kept.expires)
            names |= {f"{id}.recipe.safetensors", f"{id}.sample.safetensors"}
            for step, _ in await store.frames(id):
                assert await store.frame(id, step) == (step, writing.payload(id, str(step)))
                names.add(f"{id}.frame-{step}.safetensors")
        assert set(place.names()) == names
        usage = await store.usage()
        notes = sum([len((await store.get(id)).note) for id in there])
        assert place.nbytes() + notes == usage.bytes <= 300_000
    return there


def test_what_the_index_and_the_folder_do_not_agree_on_goes(
    place: FolderPlace, caplog: pytest.LogCaptureFixture
) -> None:
    """A loss of power may take files whose removal, or rows whose entry, the disk still had."""

    async def check() -> None:
        async with place.open() as store:
            kept = await store.put(make_handle(), {1: b"one", 2: b"two"})
            lost = await store.put(make_handle(), {1: b"one"})
            expired = await store.put(make_handle(lifetime=1e-6), {})
        (place.payloads / f"{kept.id}.frame-1.safetensors").unlink()
        (place.payloads / f"{lost.id}.recipe.safetensors").unlink()
        (place.payloads / f"{expired.id}.recipe.safetensors").unlink()
        (place.payloads / f"{make_handle().id}.recipe.safetensors").write_bytes(b"half a rec")
        async with place.open() as store:
            assert await store.get(kept.id) == kept
            assert await store.frames(kept.id) == [(2, 3)]
            with pytest.raises(DamagedHandleError):
                await store.get(lost.id)
            with pytest.raises(ExpiredHandleError):
                await store.get(expired.id)
            assert store.damaged == 1
            await store.delete(lost.id)
            await store.sweep()
            assert store.damaged == 0
            assert (await store.usage()).bytes == place.nbytes()
            assert len(place.names()) == 3

    with caplog.at_level(logging.WARNING):
        asyncio.run(check())
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert lost_line(caplog) == "1 handles have lost a file or a part of one"


def lost_line(caplog: pytest.LogCaptureFixture) -> str:
    return caplog.messages[0].partition(", such as")[0]


@pytest.mark.parametrize("how", ["gone", "shorter", "longer", "other"])
def test_a_damaged_frame_is_an_evicted_one(place: FolderPlace, how: str) -> None:
    async def check() -> None:
        async with place.open() as store:
            kept = await store.put(make_handle(), {1: b"one", 2: b"two"})
            spoil(place.payloads / f"{kept.id}.frame-2.safetensors", how)
            assert await store.frame(kept.id, 5) == (1, b"one")
            assert await store.frames(kept.id) == [(1, 3)]
            assert (await store.usage()).bytes == place.nbytes()
            await store.add_frames(kept.id, {2: b"two"})
            assert await store.frame(kept.id, 5) == (2, b"two")

    asyncio.run(check())


@pytest.mark.parametrize("how", ["gone", "shorter", "longer", "other"])
@pytest.mark.parametrize("part", ["recipe", "sample"])
def test_a_damaged_handle_says_so(place: FolderPlace, part: str, how: str) -> None:
    async def check() -> None:
        async with place.open() as store:
            kept = await store.put(make_handle(), {})
            spoil(place.payloads / f"{kept.id}.{part}.safetensors", how)
            with pytest.raises(DamagedHandleError, match=kept.id):
                await store.get(kept.id)
            await store.delete(kept.id)
            assert place.nbytes() == 0

    asyncio.run(check())


def spoil(file: Path, how: str) -> None:
    data = file.read_bytes()
    if how == "gone":
        return file.unlink()
    file.write_bytes({"shorter": data[:-1], "longer": data + b"x", "other": b"?" + data[1:]}[how])
    return None


def test_a_folder_has_one_server(place: FolderPlace) -> None:
    async def check() -> None:
        async with place.open() as store:
            with pytest.raises(StoreLockedError, match=str(place.path)):
                async with place.open():
                    pass
            await store.put(make_handle(), {})
        async with place.open() as store:
            assert (await store.usage()).handles == 1

    asyncio.run(check())


def test_nobody_else_may_read(place: FolderPlace) -> None:
    async def check() -> None:
        place.path.mkdir(mode=0o755)
        async with place.open() as store:
            await store.put(make_handle(), {1: b"one"})
            modes = {
                path.name.split(".", 1)[-1]: path.stat().st_mode & 0o777
                for path in [place.path, *place.path.rglob("*")]
            }
        assert modes.pop("handles") == modes.pop("payloads") == 0o700
        assert {"lock", "sqlite3", "sqlite3-wal", "recipe.safetensors"} <= set(modes)
        assert set(modes.values()) == {0o600}

    umask = os.umask(0)
    try:
        asyncio.run(check())
    finally:
        os.umask(umask)


@contextmanager
def files_up_to(nbytes: int) -> Iterator[None]:
    """A disk that is full, as far as this process can tell: writes stop midway."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_to_be_one(place: FolderPlace) -> None:
    async def check() -> None:
        async with place.open() as store:
            kept = await store.put(make_handle(), {1: b"one"})
            with files_up_to(100 * KiB), pytest.raises(StoreFullError, match="folder of handles"):
                await store.put(make_handle(sample=200 * KiB), {1: b"one"})
            with files_up_to(100 * KiB), pytest.raises(StoreFullError, match="folder of handles"):
                await store.add_frames(kept.id, {2: b"two", 3: bytes(200 * KiB)})
            assert await store.frames(kept.id) == [(1, 3)]
            assert (await store.usage()).bytes == place.nbytes() == kept.nbytes + 3 + OVERHEAD
            assert await store.put(kept, {}) == kept

    asyncio.run(check())


def test_an_index_that_cannot_grow_loses_nothing(place: FolderPlace) -> None:
    async def check() -> None:
        async with place.open() as store:
            kept = await store.put(make_handle(), {1: b"one"})
            refused = make_handle()
            with files_up_to(4 * KiB), pytest.raises((StoreFullError, StoreUnavailableError)):
                await store.put(refused, {1: b"one"})
            with pytest.raises(UnknownHandleError):
                await store.get(refused.id)
            assert len(place.names()) == 3
            assert await store.get(kept.id) == kept
            again = await store.put(refused, {1: b"one"})
        async with place.open() as store:
            assert await store.get(again.id) == again
            assert await store.get(kept.id) == kept

    asyncio.run(check())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    sealed = tmp_path / "sealed"
    sealed.mkdir(mode=0o500)

    async def check(path: Path) -> None:
        with pytest.raises(StoreUnavailableError, match=str(path)):
            await EmbeddedStore.open(path, 1000)

    asyncio.run(check(file / "handles"))
    with as_nobody():
        asyncio.run(check(sealed / "handles"))


@contextmanager
def as_nobody() -> Iterator[None]:
    """Permissions mean nothing to root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)


def test_an_index_that_is_none_is_left_alone(place: FolderPlace) -> None:
    place.path.mkdir()
    index = place.path / "index.sqlite3"
    index.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreDamagedError, match="not a database"):
        asyncio.run(EmbeddedStore.open(place.path, 1000))
    assert index.read_bytes() == b"not a database" * 100


def test_the_disk_never_has_more_than_the_budget(place: FolderPlace) -> None:
    """Watched from beside while puts and frames push each other out."""
    max_bytes = 50 * KiB
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.append(place.nbytes())

    async def check() -> None:
        async with place.open(max_bytes) as store:
            watcher = threading.Thread(target=watch)
            watcher.start()
            try:
                for _ in range(10):
                    frames = {step: bytes(3 * KiB) for step in range(5)}
                    await asyncio.gather(
                        *(store.put(make_handle(lifetime=0.05), frames) for _ in range(4))
                    )
                    await asyncio.sleep(0.05)
            finally:
                over.set()
                watcher.join()

    asyncio.run(check())
    assert max(seen) > max_bytes / 2
    assert max(seen) <= max_bytes
