"""Random lives of a store, step by step beside a model of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from sureflow_server.store import Handle, HandleError, Store, StoreFullError, new_id
from tests.server.store.model import ModelStore
from tests.server.store.places import Clock, FolderPlace, KiB, Place, RedisPlace, make_handle

STEPS = st.integers(0, 12)
FRAMES = st.dictionaries(STEPS, st.binary(max_size=4).map(lambda data: data * 200), max_size=4)
SIZES = st.sampled_from([0, 100, 3000])
OWNERS = ["", "key_1", "Schlüssel:2"]


class Lives(RuleBasedStateMachine):
    """One store; it may be closed and opened again at any time."""

    ids = Bundle("ids")
    make_place: Callable[[Path], Place]

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.place = type(self).make_place(Path(self.folder.name))
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.clock = Clock()
        self.evicted_before = 0

    @initialize(kib=st.integers(1, 12))
    def begin(self, kib: int) -> None:
        self.model = ModelStore(kib * KiB)
        self.open()

    def open(self) -> None:
        opened = self.place.open(self.model.max_bytes, self.clock)
        self.store: Store = self.runner.run(self.stack.enter_async_context(opened))

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    def both(self, there: Awaitable[Any], here: Callable[[], Any], *errors: type[Exception]) -> Any:
        """Do the same to both; they must agree on the answer, or on what is wrong."""
        try:
            expected = here()
        except errors as error:
            with pytest.raises(type(error)):
                self.runner.run(_awaited(there))
            return None
        assert self.runner.run(_awaited(there)) == expected
        return expected

    @rule(
        target=ids,
        frames=FRAMES,
        owner=st.sampled_from(OWNERS),
        lifetime=st.sampled_from([1, 10, 100]),
        recipe=SIZES,
        sample=SIZES,
        note=st.sampled_from([b"", b"{}"]),
    )
    def put(
        self,
        frames: dict[int, bytes],
        owner: str,
        lifetime: int,
        recipe: int,
        sample: int,
        note: bytes,
    ) -> Any:
        handle = replace(make_handle(owner, lifetime, recipe, sample), note=note)
        return self.put_one(handle, frames) or multiple()

    def put_one(self, handle: Handle, frames: dict[int, bytes]) -> str | None:
        kept = self.both(
            self.store.put(handle, frames), lambda: self.model.put(handle, frames), StoreFullError
        )
        if kept is None:
            self.settle()
            return None
        return handle.id

    def settle(self) -> None:
        """Remove what is expired: whether a refusal has done so is left open.

        What never fits is refused before anything is looked at, so that the counts may differ.
        """
        self.runner.run(self.store.sweep())
        self.model.sweep()

    @rule(target=ids, sizes=st.lists(SIZES, max_size=5), frames=FRAMES)
    def put_together(self, sizes: list[int], frames: dict[int, bytes]) -> Any:
        """What was asked at once happens as if one by one."""
        handles = [make_handle(lifetime=10, sample=size) for size in sizes]
        if not isinstance(self.place, FolderPlace):
            return multiple(*filter(None, [self.put_one(handle, frames) for handle in handles]))

        async def put() -> list[Any]:
            puts = [self.store.put(handle, frames) for handle in [*handles, *handles[:1]]]
            return await asyncio.gather(*puts, return_exceptions=True)

        done = self.runner.run(put())
        for handle, result in zip(handles, done, strict=False):
            try:
                assert result == self.model.put(handle, frames)
            except StoreFullError:
                assert isinstance(result, StoreFullError)
        return multiple(*(h.id for h in handles if h.id in self.model.handles))

    @rule(id=ids)
    def put_again(self, id: str) -> None:
        self.sweep()
        if (handle := self.model.handles.get(id)) is not None:
            assert self.runner.run(self.store.put(handle, {5: b"other"})) == handle

    @rule(id=ids)
    def get(self, id: str) -> None:
        self.both(self.store.get(id), lambda: self.model.get(id), HandleError)

    @rule(id=ids, at_most=STEPS)
    def frame(self, id: str, at_most: int) -> None:
        self.both(self.store.frame(id, at_most), lambda: self.model.frame(id, at_most), HandleError)

    @rule(id=ids, frames=FRAMES)
    def add_frames(self, id: str, frames: dict[int, bytes]) -> None:
        self.both(
            self.store.add_frames(id, frames),
            lambda: self.model.add_frames(id, frames),
            HandleError,
        )

    @rule(id=ids)
    def delete(self, id: str) -> None:
        self.both(self.store.delete(id), lambda: self.model.delete(id), HandleError)

    @rule()
    def get_unknown(self) -> None:
        id = new_id()
        self.both(self.store.get(id), lambda: self.model.get(id), HandleError)

    @rule(seconds=st.sampled_from([0.5, 1.0, 9.0, 60.0, -5.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.model.now += seconds

    @rule()
    def sweep(self) -> None:
        self.both(self.store.sweep(), self.model.sweep)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.stack.aclose())
        self.model.sweep()
        self.evicted_before = self.model.evictions
        self.open()

    @rule(owner=st.sampled_from(OWNERS))
    def owned(self, owner: str) -> None:
        page = self.runner.run(self.store.owned(owner))
        assert [entry.id for entry in page.entries] == self.model.owned(owner)
        self.settle()

    @invariant()
    def no_handle_is_lost(self) -> None:
        for id, handle in self.model.handles.items():
            if self.clock.now < handle.expires:
                assert self.runner.run(self.store.get(id)) == handle
                assert self.runner.run(self.store.frames(id)) == self.model.frames(id)

    @invariant()
    def the_books_are_right_and_within_the_budget(self) -> None:
        usage = self.runner.run(self.store.usage())
        notes = sum(len(handle.note) for handle in self.model.handles.values())
        assert usage.bytes == self.model.nbytes == self.place.nbytes() + notes
        assert usage.bytes <= usage.max_bytes == self.model.max_bytes
        assert usage.handles == len(self.model.handles)
        assert usage.frames == len(self.model.used)
        assert usage.evictions == self.model.evictions - self.evicted_before


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


@pytest.fixture
def lives(place: Place) -> type[Lives]:
    """A machine whose stores are of this kind, each in a place of its own."""

    def make(folder: Path) -> Place:
        if isinstance(place, RedisPlace):
            return RedisPlace(place.server)
        return FolderPlace(folder / "handles")

    return type("Lives", (Lives,), {"make_place": staticmethod(make)})


def live(machine: type[Lives], examples: int, steps: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        ),
    )


def test_random_lives(lives: type[Lives]) -> None:
    live(lives, examples=12, steps=30)


@pytest.mark.slow
def test_many_random_lives(lives: type[Lives]) -> None:
    live(lives, examples=60, steps=50)
