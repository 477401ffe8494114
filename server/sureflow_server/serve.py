"""Serving until a signal comes, and the exit code that follows."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from functools import partial
from math import ceil
from types import FrameType

import uvicorn

from sureflow_server import mcp, studio
from sureflow_server.accepting import ScarceDescriptors
from sureflow_server.app import create_app
from sureflow_server.engine.errors import StartupError
from sureflow_server.forwarded import Forwarded
from sureflow_server.garbage import freeze_garbage
from sureflow_server.keys.file import KeyFileError
from sureflow_server.listener import own_address
from sureflow_server.log_line import harmless
from sureflow_server.protocol import BoundedProtocol
from sureflow_server.replicas.open import open_replica
from sureflow_server.service import Service
from sureflow_server.settings import Settings
from sureflow_server.store import Store, StoreError, VerdictStore
from sureflow_server.store.open import open_store, open_verdicts

log = logging.getLogger(__name__)

LAST_WORDS_S = 5
"""Given to the answers of requests that are cut off when the time to drain is over."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self.loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Let the engine drain before the sockets close, so that readiness is false meanwhile."""
        pool, seconds = self.service.pool, self.service.settings.drain_s
        self.loop.call_soon_threadsafe(pool.drain, seconds)
        self.loop.call_soon_threadsafe(self.service.bodies.close)
        super().handle_exit(sig, frame)


def serve(settings: Settings, listener: socket.socket) -> int:
    """Serve until SIGTERM or SIGINT, finish what runs, and return the exit code.

    0 after a signal; 1, with one line on standard error, if nothing could be served.
    """
    # Once it has shut down, uvicorn raises the signal again for handlers that came before it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    with listener:
        try:
            return asyncio.run(_serve(settings, listener))
        except KeyFileError as error:
            return _fail(f"api_keys_file: {error}")


async def _serve(settings: Settings, listener: socket.socket) -> int:
    try:
        store = await open_store(settings)
    except StoreError as error:
        return _fail(f"data_dir: {error}" if settings.store is None else f"store: {error}")
    try:
        verdicts = await open_verdicts(settings)
    except StoreError as error:
        await store.close()
        return _fail(str(error))
    try:
        return await _serve_with(settings, store, verdicts, listener)
    finally:
        await verdicts.close()
        await store.close()


async def _serve_with(
    settings: Settings, store: Store, verdicts: VerdictStore, listener: socket.socket
) -> int:
    try:
        app = create_app(settings, store, open_replica(settings), verdicts)
    except StartupError as error:
        return _fail(str(error))
    has_studio = settings.studio and studio.mount(app, own_address(listener))
    if settings.mcp:
        mcp.mount(app)
    service: Service = app.state.service
    config = uvicorn.Config(
        Forwarded(app, settings.trusted_proxy),
        http=partial(  # type: ignore[arg-type]
            BoundedProtocol,
            write_timeout_s=settings.write_timeout_s,
            unread=service.metrics.unread.inc,
        ),
        server_header=False,
        proxy_headers=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=ceil(settings.drain_s) + LAST_WORDS_S,
    )
    server = _Server(config, service)
    server.loop.set_exception_handler(ScarceDescriptors())
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await service.wait_ready()
        freeze_garbage()
        _announce(service, listener, has_studio)
        code = 0
    except StartupError as error:
        code = 0 if server.should_exit else _fail(str(error))
        server.should_exit = True
    await serving
    return code


def _say(message: str) -> None:
    print(harmless(f"sureflow: {message}"), flush=True)


def _announce(service: Service, listener: socket.socket, has_studio: bool) -> None:
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    _say(f"serving {', '.join(service.pool.cards)} at {url}")
    own = f"{own_address(listener)}{service.settings.root_path}"
    _say(f"{f'the studio is at {own}/, ' if has_studio else ''}the API is described at {own}/docs")
    for folder, error in service.pool.failures.items():
        how = "is still being loaded" if folder in service.pool.loading else "could not be loaded"
        said = harmless(f"sureflow: {folder} {how}: {error}")
        print(said, file=sys.stderr, flush=True)


def _fail(message: str) -> int:
    print(harmless(f"sureflow: {message}"), file=sys.stderr, flush=True)
    return 1
