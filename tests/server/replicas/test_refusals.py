"""A Redis that is there and refuses, or has lost what it held: 503 while it lasts, never 500."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis

from tests.server.api.test_edit import icon
from tests.server.asking import ASYNC, place, refusal
from tests.server.replicas.pair import Pair
from tests.server.running import Server, eventually
from tests.server.store.redis_server import RedisServer

SMALL: dict[str, Any] = {"n": 1, "seed": 4, "sampler": {"steps": 3}}
Fault = Callable[[Any], AbstractContextManager[None]]


@contextmanager
def another_password(client: Any) -> Iterator[None]:
    """Changed while servers are connected, which are cut off then."""
    client.config_set("requirepass", "open-sesame")
    client.execute_command("AUTH", "open-sesame")
    client.execute_command("CLIENT KILL TYPE normal SKIPME yes")
    try:
        yield
    finally:
        client.config_set("requirepass", "")


@contextmanager
def without_rights(client: Any) -> Iterator[None]:
    client.execute_command("ACL SETUSER default -evalsha -eval")
    try:
        yield
    finally:
        client.execute_command("ACL SETUSER default +@all")


@contextmanager
def without_memory(client: Any) -> Iterator[None]:
    client.config_set("maxmemory", "1")
    try:
        yield
    finally:
        client.config_set("maxmemory", "0")


@contextmanager
def read_only(client: Any) -> Iterator[None]:
    """Failed over: it follows another, which is not there."""
    client.execute_command("REPLICAOF 127.0.0.1 1")
    try:
        yield
    finally:
        client.execute_command("REPLICAOF NO ONE")


@contextmanager
def without_its_master(client: Any) -> Iterator[None]:
    client.config_set("replica-serve-stale-data", "no")
    try:
        with read_only(client):
            yield
    finally:
        client.config_set("replica-serve-stale-data", "yes")


@contextmanager
def cannot_save(client: Any) -> Iterator[None]:
    """Stops taking writes: its replicas are gone."""
    client.config_set("min-replicas-to-write", "1")
    try:
        yield
    finally:
        client.config_set("min-replicas-to-write", "0")


@contextmanager
def busy(client: Any) -> Iterator[None]:
    """Somebody else's script runs for ever."""
    client.config_set("lua-time-limit", "10")
    other = redis.Redis(connection_pool=redis.ConnectionPool(**_pool(client)))

    def run() -> None:
        with pytest.raises(redis.RedisError):
            other.eval("while true do end", 0)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.1)
    try:
        yield
    finally:
        client.execute_command("SCRIPT KILL")
        thread.join()
        other.close()
        client.config_set("lua-time-limit", "5000")


@contextmanager
def loading(server: RedisServer) -> Iterator[None]:
    """Started again, with much to read before it answers anything."""
    with server.client() as client:
        client.mset({f"filling:{number}": b"x" * 100 for number in range(20_000)})
        client.execute_command("BGREWRITEAOF")
        eventually(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    server.kill()
    server.start("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
    with server.client() as client:
        assert client.info("persistence")["loading"]
        yield
        assert client.info("persistence")["loading"], "all the while"
        client.config_set("key-load-delay", "0")
        eventually(lambda: not client.info("persistence")["loading"])
        client.delete(*client.scan_iter("filling:*", count=1000))


def _pool(client: Any) -> dict[str, Any]:
    kept = client.connection_pool
    return {"connection_class": kept.connection_class, **kept.connection_kwargs}


FAULTS = [
    (another_password, True),
    (without_rights, True),
    (without_memory, False),
    (read_only, False),
    (without_its_master, True),
    (cannot_save, False),
    (busy, True),
]


def asked(server: Server, handle: str, job: str) -> list[httpx.Response]:
    """An answer of every route that may look into Redis."""
    client, path = server.client, f"/v1/handles/{handle}"
    keyed = {"Idempotency-Key": uuid4().hex}
    return [
        client.get("/v1/handles"),
        client.get(path),
        client.get(f"{path}/frames?t=0.5"),
        client.post("/v1/edit", json={"handle": handle, "at": {"t": 0.5}}),
        client.delete("/v1/handles/hdl_" + 22 * "a"),
        client.get("/v1/jobs"),
        client.get(job),
        client.delete("/v1/jobs/job_" + 22 * "a"),
        client.post("/v1/generate", json={**SMALL, "rewind": {}}),
        client.post("/v1/generate", json=SMALL, headers=keyed),
        client.post("/v1/generate", json=SMALL, headers=ASYNC),
        client.get("/health/ready"),
        client.get("/metrics"),
    ]


@pytest.mark.parametrize(("fault", "unreadable"), FAULTS)
def test_what_redis_refuses_is_answered_503_until_it_does_not(
    pair: Pair, fault: Fault, unreadable: bool
) -> None:
    with pair.redis.client() as client:
        check_refusals(pair, fault(client), unreadable)


def test_a_redis_that_is_loading_is_answered_503_until_it_has_loaded(pair: Pair) -> None:
    check_refusals(pair, loading(pair.redis), unreadable=True)


def check_refusals(pair: Pair, fault: AbstractContextManager[None], unreadable: bool) -> None:
    one, two = pair.one.server, pair.two.server
    eventually(lambda: two.client.get("/v1/jobs").status_code == 200)
    handle = icon(one, rewind={"keep": [0.5]})["handle"]["id"]
    made = one.client.post("/v1/generate", json=SMALL, headers=ASYNC)
    job = place(made)
    eventually(lambda: two.client.get(job).json().get("state") == "completed")
    before = len(two.log)
    with fault:
        answers = asked(two, handle, job)
    for answer in answers:
        assert answer.status_code in (200, 202, 204, 404, 503), (answer.url, answer.text)
        if answer.status_code == 503:
            refusal(answer, 503, "store-unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            assert "sesame" not in answer.text
    assert answers[1].status_code == (503 if unreadable else 200)
    for answer in answers[-5:]:
        assert answer.status_code in (200, 202), "samples are made all the same"
    eventually(lambda: two.client.get("/v1/jobs").status_code == 200)
    eventually(lambda: two.client.get(job).status_code == 200)
    assert two.client.get(f"/v1/handles/{handle}").status_code == 200
    assert two.generate(**SMALL, rewind={})["samples"][0]["handle"] is not None
    assert two.client.delete(f"/v1/handles/{handle}").status_code == 204
    assert not any("Traceback" in line for line in two.log[before:])
    assert sum("Redis refuses" in line for line in two.log[before:]) <= 3, "once for each script"


def test_a_key_that_redis_dropped(pair: Pair) -> None:
    server = pair.two.server
    for kind in ("handle", "frames", "sizes"):
        handle = icon(server, rewind={"keep": [0.5]})["handle"]["id"]
        with pair.redis.client() as client:
            assert client.delete(f"sureflow:{kind}:{handle}") == 1
        shown = server.client.get(f"/v1/handles/{handle}")
        looked = server.client.get(f"/v1/handles/{handle}/frames?t=0.5")
        if kind == "handle":
            refusal(shown, 410, "handle-damaged")
            refusal(looked, 410, "handle-damaged")
        else:
            assert shown.status_code == looked.status_code == 200
        assert server.client.delete(f"/v1/handles/{handle}").status_code == 204
        assert server.client.get(f"/v1/handles/{handle}").status_code == 404


@pytest.mark.parametrize("field", ["note", "body", "state"])
def test_a_job_of_which_redis_holds_something_else(pair: Pair, field: str) -> None:
    one, two = pair.one.server, pair.two.server
    made = one.client.post("/v1/generate", json=SMALL, headers=ASYNC)
    job = place(made)
    eventually(lambda: two.client.get(job).json().get("state") == "completed")
    with pair.redis.client() as client:
        (key,) = client.scan_iter(f"sureflow:jobs:entry:*{made.json()['id']}")
        client.hset(key, field, b"\xff{")
    for path in (job, "/v1/jobs", f"{job}/events"):
        assert two.client.get(path).status_code in (200, 404)
    assert two.client.delete(job).status_code in (204, 404)
