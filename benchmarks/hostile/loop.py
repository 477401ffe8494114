"""The longest callbacks of the event loop: ``python -m benchmarks.hostile.loop``.

Sends the largest requests that are allowed, to every route of a server with the models that ship,
and prints for how long at a time its event loop was kept from others: in milliseconds that its
thread ran, as other processes are no part of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.hostile.fields import MANY, ZEROS, bodies, containers, nested
from benchmarks.hostile.sending import document_of
from benchmarks.hostile.target import START_S, address, environment

MOST = 1024
"""Samples of a request."""

MEBIBYTE = 1 << 20
SHOWN = 10
BAR_MS = 5.0
PATIENCE_S = 300.0
ASYNC = {"Prefer": "respond-async"}
SHORT = {"sampler": {"method": "euler", "steps": 2}}
AT_ONCE, CROWD = 64, 512

Seen = list[tuple[str, str, float]]
"""Route, callback, and the most that it took; the most first."""


@contextmanager
def measured(meter: str, *options: str) -> Iterator[tuple[httpx.Client, Seen]]:
    """Serve, and measure callbacks; what was seen is there afterwards.

    Args:
        meter: One of :data:`benchmarks.hostile.callbacks.METERS`.
        options: Of ``sureflow serve``.
    """
    folder = Path(tempfile.mkdtemp(prefix="sureflow-loop-"))
    file, log, seen = folder / "seen", folder / "log", Seen()
    command = [sys.executable, "-m", "benchmarks.hostile.callbacks", meter, str(file)]
    command += ["--port", "0", "--no-studio", "--data-dir", str(folder / "data"), *options]
    try:
        with log.open("wb") as written:
            process = subprocess.Popen(
                command, env=environment(), stdout=written, stderr=subprocess.STDOUT
            )
        try:
            with httpx.Client(base_url=address(process, log), timeout=PATIENCE_S) as client:
                yield client, seen
            process.send_signal(signal.SIGTERM)
            process.wait(START_S)
        finally:
            process.kill()
            process.wait()
        seen += [(route, name, taken) for route, name, taken in json.loads(file.read_text())]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def begin(client: httpx.Client) -> None:
    """Measure from now on, and anew."""
    client.get("/health/live?measure")


def press(client: httpx.Client, model: str, most: int = MOST) -> None:
    """Ask every route that makes something for as much as it gives, of a model of vectors."""
    many = {"model": model, "n": most, "seed": 1, **SHORT}
    profile = {"confidence": {"profile": True, "map": True}}
    top = {"by": "uncertainty", "top": max(most // 2, 1), "action": "drop"}
    under = {"by": "uncertainty", "max": 0.5, "action": "annotate"}
    regenerate = {"by": "uncertainty", "max": 1e9, "accept": most}
    post = _poster(client)
    post("/v1/generate", many)
    post("/v1/generate", {**many, **profile})
    post("/v1/generate", {**many, "filter": top})
    post("/v1/generate", {**many, "filter": under})
    post("/v1/generate", {**_without_n(many), "filter": regenerate})
    post("/v1/generate", many, {"Accept": "application/x-safetensors"})
    post("/v1/generate", many, {"Accept": "text/event-stream"})
    post("/v1/generate", many, {"Idempotency-Key": "one"})
    post("/v1/generate", many, {"Idempotency-Key": "one"})
    post("/v1/generate", {**many, "rewind": {"keep": "commit"}})
    made = post("/v1/generate", {**many, "n": 1, "rewind": {"keep": "all"}}).json()
    handle = made["samples"][0]["handle"]["id"]
    resample = {"type": "resample", "strength": 0.5}
    post("/v1/edit", {"handle": handle, "branches": min(most, 64), "operations": [resample]})
    post("/v1/invert", {"model": model, "samples": [[0.5, 0.5]] * most, **SHORT})
    post(f"/v2/models/{model}/infer", _inference(most))
    for body in (many, {**many, **profile}):
        _follow(client, post("/v1/generate", body, ASYNC).headers["location"])
    for path in ("/v1/handles?limit=1000", f"/v1/handles/{handle}", "/v1/jobs?limit=1000"):
        client.get(path)
    for t in ("0.25", "0.5"):
        client.get(f"/v1/handles/{handle}/frames", params={"t": t})
    client.delete(f"/v1/handles/{handle}")


def crowd(client: httpx.Client, model: str, count: int = CROWD) -> None:
    """Ask for single samples, many at once."""
    body = {"model": model, "deadline_s": 60.0, **SHORT}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = pool.map(
            lambda _: client.post("/v1/generate", json=body, headers=ASYNC), range(count)
        )
        places = [each.headers["location"] for each in made if each.status_code == 202]
    for place in places[:AT_ONCE]:
        client.get(place)


def look(client: httpx.Client) -> None:
    """Ask for what is there."""
    paths = ("/openapi.json", "/docs", "/metrics", "/v1/models", "/v1/models/ring", "/v2")
    for path in (*paths, "/health/live", "/health/ready", "/v2/models/ring"):
        client.get(path)
    client.post("/v2/repository/index", json={})


def refuse(client: httpx.Client) -> None:
    """Send a mebibyte in place of every list and object, and a valid body with blanks around."""
    document = document_of(client)
    post = _sender(client)
    for route, way in containers(document):
        post(route, nested(way, ZEROS))
    for route in bodies(document):
        for text in (ZEROS.encode(), MANY.encode(), b"[" * 500_000 + b"]" * 500_000):
            post(route, text)
    post("/v1/generate", b'{"model":"ring"}' + b" " * (MEBIBYTE - 16))


def images(client: httpx.Client, most: int = MOST) -> None:
    """Ask models of images for many."""
    once = {"sampler": {"method": "euler", "steps": 1}}
    post = _poster(client)
    for model in ("digits", "fashion"):
        body = {"model": model, "n": most, "condition": {"label": 1}, **once}
        post("/v1/generate", {**body, "n": most // 4})
        post("/v1/generate", {**body, "n": most // 16, "output": {"format": "list"}})
    rows = [[[0.125] * 28] * 28] * 150
    given = {"model": "fashion", "samples": rows, "condition": {"label": 1}}
    post("/v1/invert", {**given, **once, "deadline_s": 0.001})


def reload(client: httpx.Client) -> None:
    """Load a model anew, and calibrate a setting."""
    post = _poster(client)
    post("/v1/models/ring/load", {})
    answer = post("/v1/models/ring/calibrate", {"sampler": {"steps": 2}, "draws": 256})
    if answer.status_code == 202:
        _follow(client, answer.headers["location"])
    post("/v1/models/digits/unload", {})


def table(seen: Seen, unit: str, shown: int = SHOWN) -> str:
    """The longest callbacks as a table."""
    head = f"| route | callback | longest, {unit} |\n| --- | --- | ---: |"
    return "\n".join(
        [head, *(f"| {r} | {name} | {taken:.2f} |" for r, name, taken in seen[:shown])]
    )


def main() -> int:
    """Measure; 1 if a callback took longer than the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ring alone, in half a minute")
    parser.add_argument("--shown", type=int, default=SHOWN)
    options = parser.parse_args()
    with measured("cpu") as (client, seen):
        begin(client)
        look(client)
        press(client, "ring")
        crowd(client, "ring")
        refuse(client)
        if not options.quick:
            images(client)
            reload(client)
    print(table(seen, "ms", options.shown))
    return int(seen[0][-1] > BAR_MS)


def _without_n(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "n"}


def _inference(n: int) -> dict[str, Any]:
    steps = {"sampler.steps": 2}
    return {
        "parameters": steps,
        "inputs": [{"name": "n", "datatype": "INT32", "shape": [1], "data": [n]}],
    }


Poster = Callable[..., httpx.Response]


def _poster(client: httpx.Client) -> Poster:
    def post(
        path: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        answer = client.post(path, json=body, headers=headers)
        assert answer.status_code < 500, answer.text[:500]
        return answer

    return post


def _sender(client: httpx.Client) -> Poster:
    def post(route: str, body: bytes) -> httpx.Response:
        path = route.replace("{name}", "ring")
        return client.post(path, content=body, headers={"Content-Type": "application/json"})

    return post


def _follow(client: httpx.Client, place: str) -> None:
    """Read all that a job tells, to its end, and how it stands then."""
    with client.stream("GET", f"{place}/events") as events:
        for _ in events.iter_raw():
            pass
    client.get(place)


if __name__ == "__main__":
    raise SystemExit(main())
