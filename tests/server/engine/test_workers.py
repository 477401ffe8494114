"""Which process is started, forked or told when, with processes that only seem to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from sureflow_server.engine import workers as workers_module
from sureflow_server.engine.messages import (
    Command,
    Loading,
    Order,
    Ready,
    Reap,
    Reaped,
    Recalibrate,
    Report,
    Unload,
    Warm,
    WorkerConfig,
)
from sureflow_server.engine.timeouts import Timeouts
from sureflow_server.engine.workers import Workers

CONFIG = WorkerConfig(None, None, 1, "cpu", standby=True)
READY = Ready("", (), {}, {})


class Fake:
    """Stands in for a process: notes what it is told, and says and does what a test has it do."""

    def __init__(self, source: Any, said: Callable[[Any], None], exited: Any) -> None:
        self.source, self.said, self.exited = source, said, exited
        self.told: list[Command | Order] = []
        self.ended = False
        self.born = True

    def send(self, command: Command | Order) -> None:
        self.told.append(command)

    def stop(self) -> None:
        self.end(0)

    def kill(self) -> None:
        self.end(-9)

    def end(self, code: int) -> None:
        if not self.ended:
            self.ended = True
            self.exited(code)


class Scene:
    """The workers of one supervisor; ``loaders`` and ``forks`` are all that there have been."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loaders: list[Fake] = []
        self.forks: list[Fake] = []
        self.received: list[Ready | Report] = []
        self.ends: list[str] = []
        self.closed = 0
        for name, made in (("WorkerProcess", self.loaders), ("ForkedWorker", self.forks)):
            monkeypatch.setattr(workers_module, name, self._maker(made))
        self.workers = Workers(Timeouts(), self.received.append, self.ends.append, self._close)

    def _maker(self, made: list[Fake]) -> type[Fake]:
        class Made(Fake):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                made.append(self)

        return Made

    def _close(self) -> None:
        self.closed += 1

    def serve(self) -> None:
        """Load, stand by, fork a worker, and have it serve."""
        self.workers.start(CONFIG)
        self.loaders[-1].said(Warm())
        self.forks[-1].said(READY)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Scene], None]], None]:
    def play(test: Callable[[Scene], None]) -> None:
        async def all_of_it() -> None:
            scene = Scene(monkeypatch)
            test(scene)
            scene.workers.kill()

        asyncio.run(all_of_it())

    return play


def test_the_next_worker_is_a_fork_and_nothing_is_loaded(play) -> None:
    def test(scene: Scene) -> None:
        scene.serve()
        scene.forks[0].end(0)
        assert scene.loaders[0].told == [Reap()]
        assert scene.ends == [], "it is not known yet how it ended"
        scene.loaders[0].said(Reaped(-11))
        assert scene.ends == ["ended with code -11"]
        scene.workers.start(CONFIG)
        assert [fork.source for fork in scene.forks] == [scene.loaders[0]] * 2
        assert len(scene.loaders) == 1

    play(test)


def test_what_changes_models_is_told_to_all_that_will_serve(play) -> None:
    def test(scene: Scene) -> None:
        scene.serve()
        changes = [Unload("a"), Recalibrate("b", b"")]
        for change in changes:
            scene.workers.change(change)
        assert scene.forks[0].told == scene.loaders[0].told == changes
        scene.loaders[0].end(-9)
        scene.workers.change(changes[0])
        assert scene.loaders[1].told == changes[:1]

    play(test)


def test_a_worker_that_dies_while_another_loads_is_followed_by_one(play) -> None:
    def test(scene: Scene) -> None:
        scene.serve()
        scene.loaders[0].end(-9)
        assert len(scene.loaders) == 2
        assert scene.ends == []
        scene.forks[0].end(-9)
        assert scene.ends == ["ended with code -9"]
        scene.loaders[1].said(Warm())
        scene.workers.start(CONFIG)  # after a pause, in which there has come one
        assert len(scene.forks) == 2
        assert scene.forks[1].source is scene.loaders[1]

    play(test)


def test_who_cannot_stand_by_serves_itself_unless_another_does(play) -> None:
    def test(scene: Scene) -> None:
        scene.workers.start(CONFIG)
        scene.loaders[0].said(READY)
        assert scene.received == [READY]
        assert not scene.forks
        scene.loaders[0].end(-9)
        assert scene.ends == ["ended with code -9"]
        scene.serve()
        scene.loaders[1].end(-9)
        scene.loaders[2].said(READY)
        assert scene.loaders[2].ended
        assert not scene.forks[0].ended
        assert len(scene.received) == 2

    play(test)


def test_a_folder_that_kills_is_left_out_from_then_on(play) -> None:
    def test(scene: Scene) -> None:
        scene.workers.start(CONFIG)
        for number, name in enumerate("ab"):
            scene.loaders[number].said(Loading(name))
            scene.loaders[number].end(3)
        said = "the worker process ended with code 3 while loading it, and goes on without it"
        assert scene.loaders[2].source.faulty == {"a": said, "b": said}
        assert scene.ends == []
        scene.loaders[2].end(3)
        assert scene.ends == ["ended with code 3 while loading its code"]
        assert len(scene.loaders) == 3, "when to try again is not for them to decide"

    play(test)


def test_a_folder_is_not_to_blame_at_once_while_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What stands by would not have it any more, for a mishap."""
    monkeypatch.setattr(workers_module, "FIRST_PAUSE_S", 0.0)

    async def all_of_it() -> None:
        scene = Scene(monkeypatch)
        scene.serve()
        scene.loaders[0].end(-9)
        for count in (2, 3):
            assert len(scene.loaders) == count
            scene.loaders[-1].said(Loading("a"))
            scene.loaders[-1].end(-9)
            assert {*scene.workers.faulty} == ({"a"} if count == 3 else set())
            await asyncio.sleep(0.01)
        assert len(scene.loaders) == 4
        assert "a" in scene.loaders[-1].source.faulty
        scene.workers.kill()

    asyncio.run(all_of_it())


def test_what_may_be_to_blame_is_loaded_anew(play) -> None:
    def test(scene: Scene) -> None:
        scene.serve()
        scene.forks[0].end(-9)
        scene.loaders[0].said(Reaped(-9))
        scene.workers.renew()
        assert scene.loaders[0].ended
        scene.workers.start(CONFIG)
        assert len(scene.loaders) == 2

    play(test)


def test_all_have_ended_when_it_is_closed(play) -> None:
    def test(scene: Scene) -> None:
        scene.serve()
        scene.workers.close()
        assert scene.closed
        assert scene.forks[0].ended
        assert scene.loaders[0].ended
        assert len(scene.loaders) == 1

    play(test)


def test_what_stands_by_is_tried_again_where_it_could_not_even_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers_module, "FIRST_PAUSE_S", 0.0)

    async def all_of_it() -> None:
        scene = Scene(monkeypatch)
        scene.serve()
        scene.loaders[0].end(-9)
        for count in (2, 3, 4):
            assert len(scene.loaders) == count
            scene.loaders[-1].exited(None)
            await asyncio.sleep(0.01)
        scene.loaders[-1].said(Warm())
        assert scene.ends == [], "nobody has noticed"
        scene.forks[0].end(-9)
        scene.loaders[-1].said(Reaped(-9))
        scene.workers.start(CONFIG)
        assert scene.forks[-1].source is scene.loaders[-1]
        scene.workers.kill()

    asyncio.run(all_of_it())
