"""Folders whose index or payloads are not what they were: noticed, named, and left as they are."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sureflow_server.store import (
    DamagedHandleError,
    Handle,
    StoreDamagedError,
    StoreUnavailableError,
)
from sureflow_server.store.folder import Folder
from tests.server.store.places import FolderPlace, make_handle
from tests.server.store.test_folder import as_nobody
from tests.server.store.test_shared import all_calls
from tests.server.store.test_store import run

OLD = """
DROP INDEX frame_owner_used; DROP INDEX owner_handle_bytes; DROP INDEX owner_frame_bytes;
DROP TRIGGER handle_in; DROP TRIGGER handle_out; DROP TRIGGER frame_in; DROP TRIGGER frame_out;
DROP TABLE owner; ALTER TABLE frame DROP COLUMN owner; CREATE INDEX frame_used ON frame (used);
CREATE TRIGGER handle_in AFTER INSERT ON handle BEGIN
  UPDATE total SET handles = handles + 1, handle_bytes = handle_bytes + new.nbytes; END;
CREATE TRIGGER handle_out AFTER DELETE ON handle BEGIN
  UPDATE total SET handles = handles - 1, handle_bytes = handle_bytes - old.nbytes; END;
CREATE TRIGGER frame_in AFTER INSERT ON frame BEGIN
  UPDATE total SET frames = frames + 1, frame_bytes = frame_bytes + new.nbytes; END;
CREATE TRIGGER frame_out AFTER DELETE ON frame BEGIN
  UPDATE total SET frames = frames - 1, frame_bytes = frame_bytes - old.nbytes; END;
PRAGMA user_version = 1; PRAGMA application_id = 0;
"""


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    return FolderPlace(tmp_path / "handles")


async def filled(place: FolderPlace, owners: str = "aab") -> list[Handle]:
    async with place.open() as store:
        return [await store.put(make_handle(owner), {1: b"one"}) for owner in owners]


def contents(folder: Path) -> dict[str, bytes]:
    """Of all files but those that SQLite makes and removes."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.name: file.read_bytes() for file in files if file.suffix != ".sqlite3-shm"}


def index_of(place: FolderPlace) -> Path:
    return place.path / "index.sqlite3"


def emptied(place: FolderPlace) -> str:
    index_of(place).write_bytes(b"")
    return "index.sqlite3 is empty"


def missing(place: FolderPlace) -> str:
    index_of(place).unlink()
    return "index.sqlite3 is not there"


def garbage(place: FolderPlace) -> str:
    index_of(place).write_bytes(b"garbage " * 5000)
    return "index.sqlite3 is damaged"


def half(place: FolderPlace) -> str:
    data = index_of(place).read_bytes()
    index_of(place).write_bytes(data[: len(data) // 2])
    return "index.sqlite3 is damaged"


def overwritten(place: FolderPlace) -> str:
    data = index_of(place).read_bytes()
    index_of(place).write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    return "index.sqlite3 is damaged"


def later(place: FolderPlace) -> str:
    with closing(sqlite3.connect(index_of(place))) as database:
        database.execute("PRAGMA user_version = 99")
    return "later version of the server"


def of_another(place: FolderPlace) -> str:
    other = FolderPlace(place.path.parent / "other")
    asyncio.run(filled(other))
    shutil.copy(index_of(other), index_of(place))
    return "payloads is that of another index"


def without_payloads(place: FolderPlace) -> str:
    shutil.rmtree(place.payloads)
    return "the folder payloads is not there"


def emptied_payloads(place: FolderPlace) -> str:
    for file in place.payloads.iterdir():
        file.unlink()
    return "the folder payloads has been emptied"


@pytest.mark.parametrize(
    "wrong",
    [
        emptied,
        missing,
        garbage,
        half,
        overwritten,
        later,
        of_another,
        without_payloads,
        emptied_payloads,
    ],
)
def test_it_is_refused_at_the_start_and_left_as_it_is(
    place: FolderPlace, wrong: Callable[[FolderPlace], str]
) -> None:
    kept = asyncio.run(filled(place))
    aside = place.path.parent / "aside"
    shutil.copytree(place.path, aside)
    said = wrong(place)
    before = contents(place.path)
    for _ in range(2):
        with pytest.raises(StoreDamagedError, match=said) as error:
            asyncio.run(is_whole(place, kept))
        assert str(place.path) in str(error.value)
        assert "move" in str(error.value), "it says what to do"
        assert contents(place.path) == before
    shutil.rmtree(place.path)
    shutil.copytree(aside, place.path)
    asyncio.run(is_whole(place, kept))


async def is_whole(place: FolderPlace, kept: list[Handle]) -> None:
    async with place.open() as store:
        assert [await store.get(handle.id) for handle in kept] == kept
        assert [await store.frame(handle.id, 9) for handle in kept] == [(1, b"one")] * len(kept)


def test_without_any_handle_there_is_nothing_to_lose(place: FolderPlace) -> None:
    for wrong in (emptied, missing, without_payloads, emptied_payloads):
        asyncio.run(filled(place, ""))
        wrong(place)
        asyncio.run(is_whole(place, asyncio.run(filled(place, "a"))))
        shutil.rmtree(place.path)


def test_an_index_of_the_version_before_is_brought_up_to_date(place: FolderPlace) -> None:
    kept = asyncio.run(filled(place))
    (place.payloads / "store").unlink()
    with closing(sqlite3.connect(index_of(place))) as database:
        database.executescript(OLD)
    asyncio.run(is_whole(place, kept))
    with closing(sqlite3.connect(index_of(place))) as database:
        held = database.execute("SELECT * FROM owner ORDER BY owner").fetchall()
    one = kept[0].nbytes
    assert held == [("a", 2 * one, 2 * 515), ("b", one, 515)]
    asyncio.run(is_whole(place, kept))


def away(place: FolderPlace) -> Callable[[], object]:
    aside = place.path.parent / "aside"
    place.payloads.rename(aside)
    return lambda: aside.rename(place.payloads)


def exchanged(place: FolderPlace) -> Callable[[], object]:
    back = away(place)
    place.payloads.mkdir()

    def restore() -> None:
        place.payloads.rmdir()
        back()

    return restore


def a_file(place: FolderPlace) -> Callable[[], object]:
    back = away(place)
    place.payloads.touch()

    def restore() -> None:
        place.payloads.unlink()
        back()

    return restore


def without_index(place: FolderPlace) -> Callable[[], object]:
    aside = place.path.parent / "aside"
    index_of(place).rename(aside)
    return lambda: aside.rename(index_of(place))


def with_another_index(place: FolderPlace) -> Callable[[], object]:
    back = without_index(place)
    index_of(place).touch()
    return back


@pytest.mark.parametrize("wrong", [away, exchanged, a_file, without_index, with_another_index])
@run
async def test_what_vanishes_while_serving_is_named_and_lost_nothing(
    place: FolderPlace, wrong: Callable[[FolderPlace], Callable[[], object]]
) -> None:
    kept = await filled(place)
    async with place.open() as store:
        assert store.trouble is None
        back = wrong(place)
        for call in all_calls(store, kept[0].id)[:-1]:
            with pytest.raises(StoreUnavailableError, match=str(place.path)):
                await call()
        assert store.trouble is not None
        assert str(place.path) not in store.trouble, "clients may see it"
        back()
        await store.sweep()
        assert store.trouble is None
        assert [await store.get(handle.id) for handle in kept] == kept
        assert [await store.frame(handle.id, 9) for handle in kept] == [(1, b"one")] * len(kept)
        for call in all_calls(store, kept[0].id):
            await call()


def test_a_folder_that_cannot_be_written_to_any_more_can_be_read() -> None:
    async def check(place: FolderPlace) -> None:
        kept = await filled(place)
        async with place.open() as store:
            place.payloads.chmod(0o500)
            with pytest.raises(StoreUnavailableError, match="payloads cannot be written to"):
                await store.sweep()
            with pytest.raises(StoreUnavailableError):
                await store.put(make_handle(), {})
            assert store.trouble is not None
            assert await store.get(kept[0].id) == kept[0]
            assert await store.frame(kept[0].id, 9) == (1, b"one")
            assert store.trouble is not None, "reading does not mend it"
            place.payloads.chmod(0o700)
            await store.put(make_handle(), {})
            assert store.trouble is None

    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        with as_nobody():
            asyncio.run(check(FolderPlace(Path(folder) / "handles")))


@pytest.mark.parametrize("how", ["gone", "emptied", "other"])
@run
async def test_damaged_files_are_found_before_anybody_asks(
    place: FolderPlace, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    kept = await filled(place, "a" * 120)
    victim = place.payloads / f"{kept[110].id}.sample.safetensors"
    data = victim.read_bytes()
    async with place.open() as store:
        victim.write_bytes(b"" if how == "emptied" else b"?" + data[1:])
        if how == "gone":
            victim.unlink()
        for _ in range(10):
            await store.sweep()
        assert store.damaged == 1
        assert [kept[110].id in message for message in caplog.messages] == [True], "said once"
        with pytest.raises(DamagedHandleError):
            await store.get(kept[110].id)
        assert (await store.usage()).handles == 120, "nothing goes without a word"
    if how != "other":
        caplog.clear()
        async with place.open() as store:
            assert store.damaged == 1
    victim.write_bytes(data)
    async with place.open() as store:
        assert await store.get(kept[110].id) == kept[110], "the file was put back"
        victim.unlink()
        await store.delete(kept[110].id)
        await store.sweep()
        assert store.damaged == 0


def test_a_folder_that_goes_while_files_are_read_damages_no_handle(place: FolderPlace) -> None:
    """Between a look at the folder and one at the files in it."""
    asyncio.run(filled(place))
    folder = Folder(place.path, 1 << 20, time.time)
    aside = place.path / "aside"
    try:
        place.payloads.rename(aside)
        with pytest.raises(StoreUnavailableError, match="the folder payloads is not there"):
            folder.audit.step()
        aside.rename(place.payloads)
        folder.audit.step()
        assert not folder.audit.damaged
    finally:
        folder.close()
