"""What the scripts inside Redis do with keys that hold what nobody has put there: they end.

Redis answers nobody while a script runs, and cannot end one that has written. So each test asks
Redis something after, and a script that goes on for ever fails by the limit of the link.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis as client

from sureflow_server.engine.account import Limits
from sureflow_server.replicas.lease_store import Attempt, LeaseStore
from sureflow_server.store import StoreUnavailableError
from tests.server.replicas.places import SharedPlace, Sharing
from tests.server.replicas.test_accounts import key, settled, take
from tests.server.store.test_store import run

MANY = 20_000
ODD = ("x", "", "nan", "-nan", "inf", "-inf", "1e300", "9" * 400)
"""What is no number, or none that anything can be counted in."""

SMALL = 3000
"""Of the budget: two entries, with what each counts for beside its bytes."""


async def keep(leases: LeaseStore, owner: str, name: str, size: int = 10, most: int = SMALL) -> str:
    return (await leases.keep(Attempt.at(owner, name), b"", b"b" * size, 60, most)).how


def plant(shared: SharedPlace, wrong: Callable[[client.Redis, str], Any]) -> None:
    """Put something wrong where the lease store ``jobs`` is."""
    with shared.redis.client() as redis:
        wrong(redis, f"{shared.prefix}jobs:")


async def goes_on(shared: SharedPlace, server: Sharing) -> None:
    """What is kept now is there, and drives out no more than it must."""
    leases = server.lease_store("jobs")
    for number in range(5):
        assert await keep(leases, "one", f"new-{number}") == "mine"
    assert (await leases.find("one", "new-4")).body == b"b" * 10
    assert [*await leases.listed("one", 1)] == []  # nothing was told
    with shared.redis.client() as redis:
        assert redis.ping()
        assert 0 <= float(redis.get(f"{shared.prefix}jobs:total") or 0) <= SMALL


@pytest.mark.parametrize(
    "owner", ["x y", " ", "", "a b c", "a\nb", "a\tb\x00", "%", "é", "y" * 5000]
)
@run
async def test_owners_may_be_any_text(shared: SharedPlace, owner: str) -> None:
    async with shared.server() as server:
        leases = server.lease_store("jobs")
        for number in range(5):
            assert await keep(leases, owner, f"a {number}") == "mine"
        assert (await leases.find(owner, "a 0")).how == "none", "the oldest made room"
        assert (await leases.find(owner, "a 4")).how == "kept"
        await goes_on(shared, server)


@pytest.mark.parametrize("odd", ODD)
@run
async def test_totals_that_are_no_numbers_count_as_nothing(shared: SharedPlace, odd: str) -> None:
    async with shared.server() as server:
        await keep(server.lease_store("jobs"), "one", "old")
        plant(shared, lambda redis, jobs: redis.set(f"{jobs}total", odd))
        await goes_on(shared, server)


def ghosts(redis: client.Redis, jobs: str) -> None:
    """Owners of nothing, who have most."""
    redis.zadd(f"{jobs}owners", {f"ghost {n}": 1e12 + n for n in range(MANY)})
    redis.set(f"{jobs}total", 2**40)


def unnamed(redis: client.Redis, jobs: str) -> None:
    """Entries whose names do not say whose they are."""
    redis.zadd(f"{jobs}expiry", {f"nobody's{n}": 1 for n in range(MANY)})
    redis.zadd(f"{jobs}sizes", {f"nobody's{n}": 10 for n in range(MANY)})


def uncounted(redis: client.Redis, jobs: str) -> None:
    """More entries of one owner than are there, and a total that nothing explains."""
    redis.zadd(f"{jobs}of:one", {f"gone {n}": 1 for n in range(MANY)})
    redis.zadd(f"{jobs}owners", {"one": 1e15})
    redis.set(f"{jobs}total", 2**50)


def endless(redis: client.Redis, jobs: str) -> None:
    """Sizes that are infinite."""
    redis.zadd(f"{jobs}of:one", {"old": 1})
    redis.zadd(f"{jobs}sizes", {"one old": float("inf")})
    redis.zadd(f"{jobs}owners", {"one": float("inf")})
    redis.set(f"{jobs}total", 2**50)


def untold(redis: client.Redis, jobs: str) -> None:
    """Names of work of which nothing is known."""
    redis.zadd(f"{jobs}told:one", {f"gone {n}": n for n in range(MANY)})


@pytest.mark.parametrize("wrong", [ghosts, unnamed, uncounted, endless, untold])
@run
async def test_counts_that_are_wrong_are_put_right(
    shared: SharedPlace, wrong: Callable[[client.Redis, str], Any]
) -> None:
    async with shared.server() as server:
        plant(shared, wrong)
        await goes_on(shared, server)


@run
async def test_room_for_much_is_made_in_many_short_calls(shared: SharedPlace) -> None:
    many, size = 2500, 1100

    def fill(redis: client.Redis, jobs: str) -> None:
        with redis.pipeline() as pipe:
            for number in range(many):
                pipe.hset(f"{jobs}entry:one {number}", mapping={"state": "kept", "body": "b"})
            pipe.zadd(f"{jobs}of:one", {f"{n}": 1e12 + n for n in range(many)})
            pipe.zadd(f"{jobs}expiry", {f"one {n}": 1e12 + n for n in range(many)})
            pipe.zadd(f"{jobs}sizes", {f"one {n}": size for n in range(many)})
            pipe.zadd(f"{jobs}owners", {"one": many * size})
            pipe.set(f"{jobs}total", many * size)
            pipe.execute()

    async with shared.server() as server:
        plant(shared, fill)
        leases, most = server.lease_store("jobs"), many * size
        assert await keep(leases, "two", "small", most=most) == "mine"
        assert (await leases.find("one", "0")).how == "none", "the oldest made room"
        assert (await leases.find("one", "1")).how == "kept"
        assert await keep(leases, "two", "large", size=most - 1024, most=most) == "mine"
        assert (await leases.find("one", f"{many - 1}")).how == "none"


@run
async def test_more_events_than_anything_has_are_no_result(shared: SharedPlace) -> None:
    async with shared.server() as server:
        events = [b"e"] * MANY

        def fill(redis: client.Redis, jobs: str) -> None:
            for _ in range(6):
                redis.rpush(f"{jobs}events:one job", *events)

        plant(shared, fill)
        leases = server.lease_store("jobs")
        assert await keep(leases, "one", "job", most=10**9) == "dropped"
        await goes_on(shared, server)


@run
async def test_a_key_of_another_kind_is_refused_by_redis(shared: SharedPlace) -> None:
    async with shared.server() as server:
        plant(shared, lambda redis, jobs: redis.rpush(f"{jobs}owners", "x"))
        with pytest.raises(StoreUnavailableError):
            await keep(server.lease_store("jobs"), "one", "job")
        plant(shared, lambda redis, jobs: redis.delete(f"{jobs}owners"))
        await goes_on(shared, server)


@pytest.mark.parametrize("odd", ODD)
@run
async def test_accounts_count_what_is_no_number_as_nothing(shared: SharedPlace, odd: str) -> None:
    ours = key(samples_per_minute=60.0, max_samples_in_flight=10)
    async with shared.server() as server:
        accounts = server.accounts(Limits())
        fields = {"spent": odd, "updated": odd, "flight:other": odd, f"taken:{server.id}": odd}
        with shared.redis.client() as redis:
            redis.set(f"{shared.prefix}alive:other", "")
            redis.hset(f"{shared.prefix}account:{ours.id}", mapping=fields)
        await take(accounts, ours, 10)
        await settled(accounts)
        with shared.redis.client() as redis:
            kept = redis.hgetall(f"{shared.prefix}account:{ours.id}")
            assert redis.ttl(f"{shared.prefix}account:{ours.id}") > 0
        assert 9 < float(kept[b"spent"]) <= 10


@run
async def test_replicas_and_cancels_without_end_are_bounded(shared: SharedPlace) -> None:
    ours = key(samples_per_minute=60.0)
    with shared.redis.client() as redis:
        flights = {f"flight:{n}": "1" for n in range(MANY)}
        redis.hset(f"{shared.prefix}account:{ours.id}", mapping=flights)
        redis.zadd(f"{shared.prefix}replicas", {f"r {n}": 1e18 for n in range(MANY)})
        redis.set(f"{shared.prefix}alive:r 0", "no JSON")
    async with shared.server() as server:
        accounts = server.accounts(Limits())
        await take(accounts, ours, 10)
        with shared.redis.client() as redis:
            redis.sadd(f"{shared.prefix}cancels:{server.id}", b"\xff", *range(MANY))
        names, _ = await server.link.run("presence", "beat", server.id, 1000, "{}")
        assert 0 < len(names) <= 1000
        with shared.redis.client() as redis:
            assert redis.hlen(f"{shared.prefix}account:{ours.id}") < 10
