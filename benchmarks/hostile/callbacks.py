"""A server that measures each callback of its event loop.

``python -m benchmarks.hostile.callbacks METER FILE OPTIONS...`` is ``sureflow serve OPTIONS...``;
when it ends it writes into the file what it has measured.
"""

from __future__ import annotations

import gc
import json
import re
import sys
from asyncio import BaseEventLoop, Handle, Task
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import current_thread, main_thread
from time import thread_time_ns
from typing import Any
from unittest.mock import patch

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from sureflow_server import cli, serve
from sureflow_server.app import create_app

ROUTE: ContextVar[str] = ContextVar("route", default="no request")
ID = re.compile(r"\b(?:hdl|job|h)_\w+")
"""Of a handle or a job."""

BEGIN = b"measure"
"""The query of a request from which on is measured."""

GARBAGE = "(a collection of garbage)"
"""Name of what may come upon any callback."""

TURN = "(a turn of the loop)"
"""Name of all callbacks of one turn together; its route is that of most of them."""

Meter = Callable[[], float]
"""Reads what goes up with the work of this thread."""


def cpu_ms() -> float:
    """Milliseconds that this thread has run."""
    return thread_time_ns() / 1e6


class Calls:
    """Counts the functions that this thread calls, those of C included."""

    def __init__(self) -> None:
        self.count = 0
        sys.setprofile(self._seen)

    def __call__(self) -> float:
        """How many so far."""
        return self.count

    def _seen(self, frame: Any, event: str, argument: Any) -> None:
        self.count += event in ("call", "c_call")


METERS: dict[str, Callable[[], Meter]] = {"cpu": lambda: cpu_ms, "calls": Calls}


class Callbacks:
    """Measures callbacks, and turns of the loop, in which several run, once it is told to begin.

    Attributes:
        longest: Most that one took, by route and by what was called.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._begun, self._collecting = False, 0.0
        self._routes: Counter[str] = Counter()
        self.longest: dict[tuple[str, str], float] = {}

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure those of all loops."""
        run, turn = Handle._run, BaseEventLoop._run_once  # type: ignore[attr-defined]

        def measured_run(handle: Handle) -> None:
            begun = self._meter()
            run(handle)
            route = handle._context.get(ROUTE, ROUTE.get())  # type: ignore[attr-defined]
            self._routes[route] += 1
            self._note(route, _name(handle), self._meter() - begun)

        def measured_turn(loop: BaseEventLoop) -> None:
            self._routes.clear()
            begun = self._meter()
            turn(loop)
            taken, most = self._meter() - begun, self._routes.most_common(1)
            self._note(most[0][0] if most else ROUTE.get(), TURN, taken)

        def collected(phase: str, _: object) -> None:
            if phase == "start":
                self._collecting = self._meter()
            elif current_thread() is main_thread():
                self._note("any", GARBAGE, self._meter() - self._collecting)

        gc.callbacks.append(collected)
        with (
            patch.object(Handle, "_run", measured_run),
            patch.object(BaseEventLoop, "_run_once", measured_turn),
        ):
            try:
                yield
            finally:
                gc.callbacks.remove(collected)

    def begin(self) -> None:
        """Measure from now on, and anew."""
        self._begun = True
        self.longest.clear()

    def _note(self, route: str, name: str, taken: float) -> None:
        if self._begun:
            self.longest[route, name] = max(taken, self.longest.get((route, name), 0.0))

    def table(self) -> list[tuple[str, str, float]]:
        """Route, callback and the most that it took, the most first."""
        rows = [(*key, taken) for key, taken in self.longest.items()]
        return sorted(rows, key=lambda row: -row[-1])


class Routed:
    """Lets callbacks know for which request they are."""

    def __init__(self, app: ASGIApp, begin: Callable[[], None]) -> None:
        self.app, self._begin = app, begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http":
            if scope["query_string"] == BEGIN:
                self._begin()
            ROUTE.set(f"{scope['method']} {ID.sub('{id}', scope['path'])}")
        await self.app(scope, receive, send)


def _name(handle: Handle) -> str:
    callback: Any = handle._callback  # type: ignore[attr-defined]
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, Task):
        return str(getattr(owner.get_coro(), "__qualname__", owner.get_coro()))
    while hasattr(callback, "func"):
        callback = callback.func
    return str(getattr(callback, "__qualname__", type(callback).__qualname__))


def main(meter: str, file: str, *options: str) -> None:
    """Serve."""
    seen = Callbacks(METERS[meter]())

    def routed(*arguments: Any) -> FastAPI:
        app = create_app(*arguments)
        app.add_middleware(Routed, begin=seen.begin)
        return app

    sys.argv = ["sureflow", "serve", *options]
    with seen.measured(), patch.object(serve, "create_app", routed):
        try:
            cli.main()
        finally:
            Path(file).write_text(json.dumps(seen.table()))


if __name__ == "__main__":
    main(*sys.argv[1:])
