"""Models that share memory: who goes, who stays, and that nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from sureflow.core.card import ModelCard
from sureflow.model import Model
from sureflow.networks.registry import build
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler
from sureflow_server.engine import model_cache as module
from sureflow_server.engine.loop import TickLoop
from sureflow_server.engine.messages import Cancel, Command, Report, Shutdown, Submit
from sureflow_server.engine.model_cache import Loaded, ModelCache
from tests.server.engine.test_loop import MIXTURE, lanes


def stub(nbytes: int) -> Any:
    return SimpleNamespace(nbytes=nbytes)


def filled(budget: int | None, **sizes: int) -> ModelCache:
    """The first one is the least recently used."""
    return ModelCache({name: stub(size) for name, size in sizes.items()}, budget)


def test_the_least_recently_used_goes_first() -> None:
    cache = filled(10, a=4, b=4, c=2)
    cache.use("a")
    assert cache.resident == {"b": 4, "c": 2, "a": 4}
    assert cache.evict_for(4) == ["b"]
    assert set(cache.samplers) == {"a", "c"}
    assert cache.sizes["b"] == 4, "it may be asked for again"
    assert cache.evict_for(4) == []


def test_who_is_busy_stays_and_nobody_goes_for_nothing() -> None:
    cache = filled(10, a=6, b=2, c=2)
    assert cache.evict_for(4, lambda model: model == "a") == ["b", "c"]
    cache = filled(10, a=6, b=2, c=2)
    assert cache.evict_for(5, lambda model: model == "a") == []
    assert set(cache.samplers) == {"a", "b", "c"}


def test_without_a_budget_all_stay() -> None:
    cache = filled(None, a=6, b=2)
    assert cache.evict_for(10**12) == []
    assert set(cache.samplers) == {"a", "b"}


def test_one_is_fetched_at_a_time_and_failures_say_why() -> None:
    cache = filled(10, a=6)
    cache.sizes.update(b=4, c=4, gone=4)
    inbox: SimpleQueue[Loaded] = SimpleQueue()
    go_on, asked = Event(), list[str]()

    def fetch(model: str) -> Any:
        asked.append(model)
        go_on.wait(60)
        if model == "gone":
            raise ValueError("there is none")
        return stub(4)

    for model in ("gone", "b", "c"):
        cache.want(model)
    for _ in range(3):
        assert cache.turn(lambda model: False, fetch, inbox) == []
    go_on.set()
    failed = inbox.get(timeout=60)
    assert (failed.model, failed.sampler, failed.error) == ("gone", None, "there is none")
    assert not cache.came(failed)
    assert cache.turn(lambda model: False, fetch, inbox) == []
    assert cache.came(inbox.get(timeout=60))
    assert cache.turn(lambda model: False, fetch, inbox) == ["a"]
    assert cache.came(inbox.get(timeout=60))
    assert asked == ["gone", "b", "c"]
    assert set(cache.samplers) == {"b", "c"}


def test_what_was_unloaded_meanwhile_is_not_taken_in() -> None:
    cache = filled(10, a=6)
    cache.sizes["b"] = 4
    cache.forget("b")
    assert not cache.came(Loaded("b", stub(4)))
    assert set(cache.samplers) == {"a"}


def test_who_has_waited_too_long_closes_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = filled(10, a=4, b=4, c=2)
    cache.sizes["d"] = 5
    cache.want("d")
    inbox: SimpleQueue[Loaded] = SimpleQueue()
    fetch: Callable[[str], Any] = lambda model: stub(5)  # noqa: E731
    assert cache.turn(lambda model: True, fetch, inbox) == []
    assert cache.closing == set()
    monkeypatch.setattr(module, "CLOSE_AFTER_S", -1)
    cache.turn(lambda model: True, fetch, inbox)
    assert cache.closing == {"a", "b"}, "the first two are enough"
    assert cache.turn(lambda model: model == "c", fetch, inbox) == ["a", "b"]
    assert cache.closing == set()


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    card = ModelCard("a", "sha256:0", "vector", (2,), ("right", "left"), 0)
    network = build(MIXTURE).eval()
    return {name: Model(replace(card, name=name), network, None) for name in "abc"}


class Worker:
    """A loop with room for one model of three."""

    def __init__(self, models: dict[str, Model], owed: int) -> None:
        self.inbox: SimpleQueue[Command | Loaded] = SimpleQueue()
        self.reports: list[Report] = []
        self.owed = owed
        self.most = 0
        self._models = models
        first = Sampler(models["a"], 4)
        self.cache = ModelCache({"a": first}, int(first.nbytes * 1.5))
        self.cache.sizes.update(b=first.nbytes, c=first.nbytes)
        seconds = {name: [0.0] * 5 for name in models}
        self.loop = TickLoop(self.cache, self.inbox, self.send, seconds, "tick", self.fetch)

    def fetch(self, name: str) -> Sampler:
        assert not self.cache.samplers, "the other has gone by now"
        if name == "c":
            raise ValueError("c is broken")
        return Sampler(self._models[name], 4)

    def send(self, report: Report) -> None:
        self.most = max(self.most, len(self.cache.samplers))
        self.reports.append(report)
        self.owed -= len(report.finished) + len(report.failed)
        if self.owed == 0:
            self.inbox.put(Shutdown())

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(each.model, each.what) for report in self.reports for each in report.cache_events]


def test_models_take_turns_in_memory(models: dict[str, Model]) -> None:
    """Every sample is what it is alone, those of a model that had to go and come back too."""
    worker = Worker(models, owed=9)
    specs = lanes(1, 3, "heun", 5)
    for request, name in enumerate("aba"):
        worker.inbox.put(Submit(request, name, specs, progress=False))
    worker.loop.run()
    assert worker.most == 1
    assert worker.events == [("a", "evicted"), ("b", "loaded")]
    done = {
        (finished.request, finished.lane): finished.sample.data.tobytes()
        for report in worker.reports
        for finished in report.finished
    }
    alone = [sample.data.tobytes() for sample in run(models["a"], [*specs.values()], capacity=1)]
    assert done == {(request, lane): alone[lane] for request in range(3) for lane in range(3)}


def test_a_model_that_always_has_work_gives_way_in_the_end(
    models: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_AFTER_S", 0.01)
    monkeypatch.setattr(module, "STAY", 0.0)
    worker = Worker(models, owed=400 + 4)
    worker.inbox.put(Submit(1, "a", lanes(1, 400, "euler", 20), progress=False))
    worker.inbox.put(Submit(2, "b", lanes(2, 4, "euler", 20), progress=False))
    worker.loop.run()
    order = [finished.request for report in worker.reports for finished in report.finished]
    assert order.index(2) < 200, "not when all of the other are done"
    assert order[-1] == 1
    assert worker.events[:2] == [("a", "evicted"), ("b", "loaded")]
    assert worker.events[-2:] == [("b", "evicted"), ("a", "loaded")]


def test_who_took_long_to_come_may_stay_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or two models that take turns would only ever be fetched."""
    now = 0.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    cache = filled(10, a=6)
    cache.sizes["b"] = 6
    cache.want("b")
    inbox: SimpleQueue[Loaded] = SimpleQueue()
    assert cache.turn(lambda model: False, lambda model: stub(6), inbox) == ["a"]
    cache.want("a")
    now = 30.0
    assert cache.came(inbox.get(timeout=60))
    for later, closing in ((31.0, set()), (149.0, set()), (151.0, {"b"})):
        now = later
        cache.turn(lambda model: True, lambda model: stub(6), inbox)
        assert cache.closing == closing, later


def test_a_model_that_cannot_be_fetched_fails_its_requests_alone(models: dict[str, Model]) -> None:
    worker = Worker(models, owed=2 + 2 + 1)
    worker.inbox.put(Submit(1, "a", lanes(1, 2, "euler", 3), progress=False))
    worker.inbox.put(Submit(2, "c", lanes(2, 5, "euler", 3), progress=False))
    worker.inbox.put(Submit(3, "b", lanes(3, 2, "euler", 3), progress=False))
    worker.loop.run()
    failed = [each for report in worker.reports for each in report.failed]
    assert [(each.request, each.error) for each in failed] == [(2, "c is broken")]
    assert ("c", "failed") in worker.events


def test_a_request_that_waits_for_a_model_can_be_cancelled(models: dict[str, Model]) -> None:
    worker = Worker(models, owed=4)
    worker.inbox.put(Submit(1, "a", lanes(1, 2, "euler", 3), progress=False))
    worker.inbox.put(Submit(2, "b", lanes(2, 9, "euler", 3), progress=False))
    worker.inbox.put(Cancel(2))
    worker.inbox.put(Submit(3, "b", lanes(3, 2, "euler", 3), progress=False))
    worker.loop.run()
    done = {finished.request for report in worker.reports for finished in report.finished}
    assert done == {1, 3}
