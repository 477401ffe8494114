"""Rates and quotas of one server and of several, against a clock that stands still until moved."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from sureflow_server.engine.account import Account, Limits
from sureflow_server.engine.errors import (
    EngineError,
    QueueFullError,
    QuotaError,
    RateError,
    TooManySamplesError,
)
from sureflow_server.keys.accounts import Accounts
from sureflow_server.keys.key import Key
from sureflow_server.replicas.accounts import SharedAccounts
from sureflow_server.replicas.link import Link
from sureflow_server.store import StoreUnavailableError
from tests.server.replicas.places import AlonePlace, SharedPlace
from tests.server.store.places import Clock, redis_server
from tests.server.store.redis_server import RedisServer
from tests.server.store.test_store import run

Place = AlonePlace | SharedPlace


def key(id: str = "a" * 12, **limits: Any) -> Key:
    fields = {"id": id, "name": "test", "scopes": ("generate",), "digest": f"sha256:{'0' * 64}"}
    return Key.model_validate({**fields, "created_at": datetime.now(UTC), **limits})


async def take(accounts: Accounts, whose: Key, samples: int) -> Any:
    """As a request does; returns what its samples are counted in."""
    async with accounts.claim(whose, samples) as tally:
        tally.admit(samples)
        tally.enter(samples)
    return tally


async def settled(accounts: Accounts) -> None:
    """Wait until Redis has been told what it is told in passing."""
    shared = accounts._shared.values() if isinstance(accounts, SharedAccounts) else ()
    while any(each._telling or each._order.locked() for each in shared):
        await asyncio.sleep(0.01)


@run
async def test_a_minutes_worth_may_come_at_once_and_the_rest_by_the_rate(place: Place) -> None:
    clock = Clock()
    async with place.server(clock) as server:
        accounts, ours = server.accounts(Limits(samples_per_minute=60)), key()
        await take(accounts, ours, 60)
        for later, samples, seconds in ((0, 3, 3.0), (2.5, 3, 0.5)):
            clock.now += later
            with pytest.raises(RateError) as caught:
                await take(accounts, ours, samples)
            assert caught.value.retry_after_s == pytest.approx(seconds, abs=1e-5)
        clock.now += 0.51
        await take(accounts, ours, 3)
        await take(accounts, key("b" * 12), 60)


@run
async def test_a_request_beyond_the_bucket_leaves_a_debt(place: Place) -> None:
    clock = Clock()
    async with place.server(clock) as server:
        accounts, ours = server.accounts(Limits(samples_per_minute=60)), key()
        await take(accounts, ours, 180)
        with pytest.raises(RateError) as caught:
            await take(accounts, ours, 1)
        assert caught.value.retry_after_s == pytest.approx(121, abs=1e-5)


@run
async def test_what_is_not_accepted_is_given_back(place: Place) -> None:
    async with place.server(Clock()) as server:
        accounts, ours = server.accounts(Limits(10, 10)), key()
        for _ in range(20):
            with pytest.raises(QueueFullError):
                async with accounts.claim(ours, 10):
                    raise QueueFullError("no room")
        await take(accounts, ours, 10)


@run
async def test_limits_may_change_under_way(place: Place) -> None:
    async with place.server(Clock()) as server:
        accounts = server.accounts(Limits())
        tally = await take(accounts, key(), 10**6)
        await take(accounts, key(samples_per_minute=60), 60)
        with pytest.raises(RateError):
            await take(accounts, key(samples_per_minute=60), 1)
        await take(accounts, key(samples_per_minute=120), 60)
        with pytest.raises(QuotaError, match="1000120 samples"):
            await take(accounts, key(max_samples_in_flight=4), 1)
        tally.leave(10**6)
        await take(accounts, key(), 10**6)


@run
async def test_the_quota_counts_what_is_in_flight(place: Place) -> None:
    async with place.server() as server:
        accounts, ours = server.accounts(Limits()), key(max_samples_in_flight=4)
        tally = await take(accounts, ours, 3)
        with pytest.raises(QuotaError, match="3 samples of this key are under way and at most 4"):
            await take(accounts, ours, 2)
        await take(accounts, ours, 1)
        tally.leave(2)
        await take(accounts, ours, 2)
        with pytest.raises(TooManySamplesError, match="at most 4"):
            await take(accounts, ours, 5)


@run
async def test_replaced_samples_are_paid_for(place: Place) -> None:
    async with place.server(Clock()) as server:
        accounts, ours = server.accounts(Limits(samples_per_minute=10)), key()
        tally = await take(accounts, ours, 4)
        for _ in range(6):
            tally.leave(1)
            tally.enter(1)
        await settled(accounts)
        with pytest.raises(RateError):
            await take(accounts, ours, 1)


@run
async def test_several_servers_count_like_one(shared: SharedPlace) -> None:
    """Whatever comes when and where: what one server would have said."""
    for seed in range(8):
        rng, clock, ours = Random(seed), Clock(), key(f"{seed:012d}")
        limits = Limits(rng.choice([None, 5.0, 60.0, 300.0]), rng.choice([None, 10, 40]))
        oracle = Account(limits, clock)
        async with shared.server(clock) as one, shared.server(clock) as two:
            replicas = [server.accounts(limits) for server in (one, two)]
            flying: list[tuple[Any, int]] = []
            outcomes = set()
            for _ in range(40):
                clock.now += rng.choice([0, 0, rng.uniform(0, 20)])
                if flying and rng.random() < 0.4:
                    tally, samples = flying.pop(rng.randrange(len(flying)))
                    tally.leave(samples)
                    oracle.leave(samples)
                    for accounts in replicas:
                        await settled(accounts)
                samples = rng.randint(1, 12)
                said: type[EngineError] | None = None
                expected: type[EngineError] | None = None
                try:
                    oracle.admit(samples)
                except EngineError as error:
                    expected = type(error)
                try:
                    tally = await take(rng.choice(replicas), ours, samples)
                except EngineError as error:
                    said = type(error)
                assert said is expected
                outcomes.add(said)
                if said is None:
                    oracle.enter(samples)
                    flying.append((tally, samples))
            assert None in outcomes


@run
async def test_at_the_same_time_no_more_than_there_may_be(shared: SharedPlace) -> None:
    async with shared.server() as one, shared.server() as two:
        ours = key(max_samples_in_flight=10)
        replicas = [server.accounts(Limits()) for server in (one, two)]
        claims = [take(replicas[n % 2], ours, 1) for n in range(60)]
        done = await asyncio.gather(*claims, return_exceptions=True)
        assert sum(isinstance(each, QuotaError) for each in done) == 50


@run
async def test_a_dead_server_has_nothing_in_flight(shared: SharedPlace) -> None:
    ours = key(max_samples_in_flight=4)
    async with shared.server() as alive, shared.server(lease_s=0.5, beat_s=100) as dying:
        await take(dying.accounts(Limits()), ours, 4)
        accounts = alive.accounts(Limits())
        with pytest.raises(QuotaError):
            await take(accounts, ours, 1)
        await asyncio.sleep(0.8)
        await take(accounts, ours, 4)


class Deaf(Link):
    """Does not hear the next answer of Redis."""

    deaf = False

    async def run(self, script: str, *arguments: str | bytes | float) -> list[Any]:
        answer = await super().run(script, *arguments)
        if self.deaf:
            self.deaf = False
            raise StoreUnavailableError("not heard")
        return answer


@run
async def test_an_answer_that_was_not_heard_costs_nothing_twice(shared: SharedPlace) -> None:
    """Neither what Redis granted and nobody took, nor what was taken without its word."""
    clock = Clock()
    limits = Limits(samples_per_minute=10, max_samples_in_flight=10)
    async with shared.server(clock) as server, shared.server(clock) as other:
        link = Deaf(shared.redis.url, shared.prefix, clock)
        server._link = link
        accounts, ours = server.accounts(limits), key()
        link.deaf = True
        tally = await take(accounts, ours, 6)
        await settled(accounts)
        elsewhere = other.accounts(limits)
        with pytest.raises(QuotaError, match="6 samples"):
            await take(elsewhere, ours, 5)
        tally.leave(6)
        await settled(accounts)
        with pytest.raises(RateError) as caught:
            await take(elsewhere, ours, 5)
        assert caught.value.retry_after_s == pytest.approx(6)
        await take(elsewhere, ours, 4)
        await server.link.close("presence", "leave", server.id)


def test_redis_gone_and_back() -> None:
    """Each server holds the limits by itself, and what it has let in counts again afterwards."""

    async def scene(redis: RedisServer) -> None:
        place, ours = SharedPlace(redis), key(max_samples_in_flight=4)
        async with place.server() as one, place.server() as two:
            ones, twos = one.accounts(Limits()), two.accounts(Limits())
            await take(ones, ours, 1)
            redis.kill()
            with pytest.raises(QuotaError):
                await take(ones, ours, 4)
            await take(ones, ours, 3)
            tally = await take(twos, ours, 4)
            redis.start()
            while one.link.away or two.link.away:
                await asyncio.sleep(0.02)
            for accounts in (ones, twos):
                await settled(accounts)
            for accounts in (ones, twos):
                with pytest.raises(QuotaError, match="8 samples"):
                    await take(accounts, ours, 1)
            tally.leave(4)
            await settled(twos)
            with pytest.raises(QuotaError, match="4 samples"):
                await take(twos, ours, 1)

    with redis_server() as server:
        asyncio.run(scene(server))
