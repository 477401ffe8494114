"""Under load: workers that are killed, clients that come and go, more work than there is time."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any

import httpx
import numpy as np
import pytest
from httpx_sse import connect_sse

from tests.server.asking import place
from tests.server.running import PATIENCE_S, Server, eventually, serving, workers

KILL_EVERY_S = 2.0
CLIENTS = 5
LEAST_GOODPUT = 0.9
ROOM = 64
"""Samples that the overloaded server holds."""
QUEUE = 300
"""Samples that the server holds whose workers are killed."""
MEBIBYTE = 1 << 20

BODIES: list[dict[str, Any]] = [
    {"model": "points", "n": 1, "seed": 1, "sampler": {"steps": 20}},
    {"model": "points", "n": 3, "seed": 2, "sampler": {"method": "rk4", "steps": 15}},
    {"model": "points", "n": 2, "seed": 3, "sampler": {"method": "dopri5", "tolerance": 1e-4}},
    {"model": "icons", "n": 2, "seed": 4, "condition": {"label": 1}, "guidance": {"scale": 2.0}},
    {"model": "icons", "n": 4, "seed": 5, "condition": {"label": 1}, "filter": {"min": 0.5}},
    {"model": "points", "n": 2, "seed": 6, "confidence": {"method": "divergence"}},
]


COUNTED = (
    "sureflow_worker_restarts_total",
    "sureflow_requests_total",
    "sureflow_samples_total",
)


@pytest.fixture(scope="module")
def mortal(models_dir: Path) -> Iterator[Server]:
    """A server whose workers may be killed, and that forgets what it keeps after a while."""
    options = ("--max-queued-samples", str(QUEUE), "--job-bytes", "1000000", "--job-s", "5")
    kept = ("--store-max-bytes", "1000000", "--handle-ttl-s", "5")
    models = ("--models-dir", str(models_dir), "--default-model", "points")
    with serving(*models, *options, *kept) as server:
        yield server


@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_workers_killed_under_load_cost_nothing_but_time(mortal: Server, seconds: float) -> None:
    """No request lost, none answered twice, every sample bitwise what it was."""
    expected = [mortal.generate(**body)["samples"] for body in BODIES]
    before = {name: mortal.metric(name) for name in COUNTED}
    ok = mortal.metric("sureflow_requests_total", outcome="ok")
    over = Event()
    made: list[int] = []
    taken: list[float] = []

    def ask(client: int) -> None:
        for number in count(client):
            if over.is_set():
                return
            which, asked = number % len(BODIES), time.monotonic()
            assert mortal.generate(**BODIES[which])["samples"] == expected[which]
            made.append(which)
            taken.append(time.monotonic() - asked)

    with ThreadPoolExecutor() as threads:
        asking = [threads.submit(ask, client) for client in range(CLIENTS)]
        kills = kill_workers(mortal, seconds)
        over.set()
        for each in asking:
            each.result()
    assert kills >= seconds / KILL_EVERY_S / 4, "there was somebody to kill"
    restarts, requests, samples = (mortal.metric(name) - before[name] for name in COUNTED)
    assert restarts == kills
    assert mortal.metric("sureflow_requests_total", outcome="ok") - ok == len(made)
    assert requests == len(made)
    assert samples == sum(len(expected[which]) for which in made)
    eventually(lambda: mortal.metric("sureflow_num_samples_running") == 0)
    assert mortal.metric("sureflow_reserved_bytes") == 0
    print(f"{kills} workers killed in {seconds} s, {len(made)} requests, {samples} samples")
    print("answers within s: median {:.2f}, p99 {:.2f}".format(*np.quantile(taken, [0.5, 0.99])))


def kill_workers(server: Server, seconds: float) -> int:
    """Kill whatever worker there is, every two seconds; return how many."""
    rng, killed = random.Random(1), set[int]()
    before = server.metric("sureflow_worker_restarts_total")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # Not quite evenly, so as not to meet every worker at the same moment of its life.
        time.sleep(KILL_EVERY_S * rng.uniform(0.8, 1.2))
        for worker in workers(server.process.pid):
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
    counted = before + len(killed)
    eventually(lambda: server.metric("sureflow_worker_restarts_total") == counted)
    return len(killed)


@pytest.mark.parametrize(
    ("seconds", "growth"), [(10, 0.1), pytest.param(600, 0.02, marks=pytest.mark.slow)]
)
@pytest.mark.timeout(1200)
def test_a_soak_leaves_nothing_behind(mortal: Server, seconds: float, growth: float) -> None:
    """Requests of all kinds, with clients that cancel and clients that vanish."""
    server, room = mortal, QUEUE
    restarts = server.metric("sureflow_worker_restarts_total")
    failed = server.metric("sureflow_requests_total", outcome="error")
    over = Event()
    waits: list[tuple[float, float]] = []
    deeds: Counter[str] = Counter()
    trail: list[dict[str, int]] = []
    full = {"n": room, "seed": 1, "sampler": {"steps": 1}}
    assert len(server.generate(**full)["samples"]) == room
    begun = time.monotonic()

    def ask(client: int) -> None:
        rng = random.Random(client)
        with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as own:
            while not over.is_set():
                asked, deed = time.monotonic(), rng.choice(DEEDS)
                deed(server, own, rng)
                taken = time.monotonic() - asked
                deeds[deed.__name__] += 1
                if deed is wait:
                    waits.append((asked - begun, taken))
                # Half of the time or so the server has nothing to do.
                over.wait(PAUSE * taken)

    with ThreadPoolExecutor() as threads:
        asking = [threads.submit(ask, client) for client in range(CLIENTS)]
        for _ in range(LOOKS):
            time.sleep(seconds / LOOKS)
            trail.append(memory(server))
        over.set()
        for each in asking:
            each.result()
    eventually(lambda: server.metric("sureflow_num_samples_running") == 0)
    eventually(lambda: server.metric("sureflow_num_samples_waiting") == 0)
    eventually(lambda: server.metric("sureflow_reserved_bytes") == 0)
    assert len(server.generate(**full)["samples"]) == room, "no room is taken by anybody"
    quarters = [
        {name: median(look[name] for look in part) / MEBIBYTE for name in trail[0]}
        for part in zip(*[iter(trail)] * (LOOKS // 4), strict=True)
    ]
    warm, grown = quarters[1], quarters[3]
    told = {name: [round(quarter[name], 1) for quarter in quarters] for name in warm}
    busy = server.metric("sureflow_tick_duration_seconds_sum") / (time.monotonic() - begun)
    first, second = halves(waits, seconds)
    print(
        f"{dict(deeds)} in {seconds} s, {busy:.0%} of them in ticks; MiB by quarters {told}; "
        f"p99 of waiting in the halves {first:.3f} s and {second:.3f} s"
    )
    for name, size in grown.items():
        assert size < (1 + growth) * warm[name], told
    assert second < 2 * first or seconds < 100, "nobody waits longer as time goes by"
    assert server.metric("sureflow_worker_restarts_total") == restarts
    assert server.metric("sureflow_requests_total", outcome="error") == failed


def halves(waits: list[tuple[float, float]], seconds: float) -> list[float]:
    """Seconds in which 99 of 100 requests were answered, in either half of the time."""
    early = [wait for at, wait in waits if at < seconds / 2]
    late = [wait for at, wait in waits if at >= seconds / 2]
    return [float(np.percentile(part, 99)) for part in (early, late)]


def memory(server: Server) -> dict[str, int]:
    """Resident bytes of the server and of its worker."""
    pids = {"server": server.process.pid, "worker": server.worker_pid}
    return {name: resident(pid) for name, pid in pids.items()}


def resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def wait(server: Server, client: httpx.Client, rng: random.Random) -> None:
    assert client.post("/v1/generate", json=rng.choice(BODIES)).status_code in (200, 429)


def vanish(server: Server, client: httpx.Client, rng: random.Random) -> None:
    body = {**BODIES[1], "n": 20, "sampler": {"method": "rk4", "steps": 300}}
    with suppress(httpx.TimeoutException):
        httpx.post(f"{server.url}/v1/generate", json=body, timeout=rng.uniform(0.01, 0.2))


def listen_for_a_while(server: Server, client: httpx.Client, rng: random.Random) -> None:
    body = {**BODIES[0], "n": 10, "sampler": {"steps": 200}}
    with connect_sse(client, "POST", "/v1/generate", json=body) as source:
        if source.response.status_code == 429:
            return
        for number, _ in enumerate(source.iter_sse()):
            if number > rng.randrange(6):
                break


def cancel_a_job(server: Server, client: httpx.Client, rng: random.Random) -> None:
    body = {**BODIES[1], "n": 20, "sampler": {"method": "rk4", "steps": 300}}
    made = client.post("/v1/generate", json=body, headers={"Prefer": "respond-async"})
    if made.status_code == 202:
        time.sleep(rng.uniform(0, 0.1))
        assert client.delete(place(made)).status_code == 204


def leave_a_job_alone(server: Server, client: httpx.Client, rng: random.Random) -> None:
    body, headers = rng.choice(BODIES), {"Prefer": "respond-async"}
    assert client.post("/v1/generate", json=body, headers=headers).status_code in (202, 429)


def edit_and_look(server: Server, client: httpx.Client, rng: random.Random) -> None:
    body = {**BODIES[rng.randrange(2)], "rewind": {"keep": "all"}}
    made = client.post("/v1/generate", json=body)
    if made.status_code == 429:
        return
    handle = made.json()["samples"][0]["handle"]
    if handle is None:  # there was no room for it
        return
    edit = {"handle": handle["id"], "operations": [{"type": "resample"}], "branches": 3}
    assert client.post("/v1/edit", json=edit).status_code in (200, 410, 429)
    seen = client.get(f"/v1/handles/{handle['id']}/frames", params={"t": [0.2, 0.9]})
    assert seen.status_code in (200, 410, 429)


def invert(server: Server, client: httpx.Client, rng: random.Random) -> None:
    body = {"samples": [[rng.random(), rng.random()] for _ in range(3)], "rewind": {}}
    assert client.post("/v1/invert", json=body).status_code in (200, 429)


DEEDS = (
    *(wait, wait, wait, wait, vanish, listen_for_a_while, cancel_a_job, leave_a_job_alone),
    *(edit_and_look, edit_and_look, invert),
)
LOOKS = 40
"""At memory, in the course of a soak."""

PAUSE = 3.0
"""Times as long as a deed took that a client of the soak does nothing after it."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_five_times_too_much_is_refused_and_the_rest_is_done() -> None:
    """What is done in a second is what it is at the most; health endpoints answer throughout."""
    body = {"n": 4, "sampler": {"steps": 10}, "output": {"format": "npy"}}
    with serving("--max-queued-samples", str(ROOM)) as server:
        peak, _, _ = asyncio.run(offered(server, body, seconds=40, every_s=None))
        every_s = body["n"] / peak / 5
        goodput, refusals, health = asyncio.run(offered(server, body, 60, every_s))
    p99 = np.percentile(refusals, 99) * 1000
    print(
        f"peak {peak:.2f} samples/s; offered five times as much {goodput:.2f}; {len(refusals)} "
        f"refusals, p99 {p99:.1f} ms; {len(health)} health checks, worst {max(health):.3f} s"
    )
    assert refusals
    assert goodput >= LEAST_GOODPUT * peak


async def offered(
    server: Server, body: dict[str, Any], seconds: float, every_s: float | None
) -> tuple[float, list[float], list[float]]:
    """Samples per second, seconds that refusals took, and seconds that health checks took.

    ``every_s`` is the time between requests; ``None`` keeps as many under way as fit.
    """
    loop, seeds = asyncio.get_running_loop(), count()
    done: list[float] = []
    refusals: list[float] = []
    health: list[float] = []
    begun = loop.time()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S, limits=limits) as client:

        async def ask() -> None:
            asked = loop.time()
            response = await client.post("/v1/generate", json={**body, "seed": next(seeds)})
            if response.status_code == 429:
                refusals.append(loop.time() - asked)
            else:
                assert response.status_code == 200, response.text
                done.append(loop.time())

        async def keep_asking() -> None:
            while loop.time() < begun + seconds:
                await ask()

        async def look_after() -> None:
            while loop.time() < begun + seconds:
                asked = loop.time()
                for path in ("/health/live", "/health/ready"):
                    assert (await client.get(path)).status_code == 200
                health.append(loop.time() - asked)
                await asyncio.sleep(0.5)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(look_after())
            if every_s is None:
                for _ in range(ROOM // body["n"]):
                    tasks.create_task(keep_asking())
            else:
                for number in range(int(seconds / every_s)):
                    await asyncio.sleep(max(begun + number * every_s - loop.time(), 0))
                    tasks.create_task(ask())
    # Neither the first seconds, when nothing can be done yet, nor what was left over at the end.
    first, last = begun + seconds / 4, begun + seconds
    counted = sum(first <= at < last for at in done)
    return counted * body["n"] / (last - first), refusals, health
