"""Both clients behind one blocking face, canned answers, and a server that really runs."""

from __future__ import annotations

import functools
import shutil
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from sureflow_client import AsyncClient, Client, Event
from sureflow_server.keys.file import changing
from sureflow_server.keys.key import Key
from sureflow_server.keys.token import digest, mint
from tests.server.running import Server, serving

ROOT = Path(__file__).parents[2]

Handler = Callable[[httpx.Request], httpx.Response]


class Blocking:
    """An `AsyncClient`, or its jobs, called like a `Client`, so that one test covers both."""

    def __init__(self, portal: BlockingPortal, client: Any) -> None:
        self._portal = portal
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *args, **options: self._portal.call(
            functools.partial(method, *args, **options)
        )

    def with_options(self, **options: Any) -> Blocking:
        return Blocking(self._portal, self._client.with_options(**options))

    @property
    def jobs(self) -> Blocking:
        return Blocking(self._portal, self._client.jobs)

    def stream(self, *args: Any, **options: Any) -> Generator[Event, None, None]:
        return self._each(self._client.stream(*args, **options))

    def events(self, job: Any) -> Generator[Event, None, None]:
        return self._each(self._client.events(job))

    def _each(self, events: AsyncGenerator[Event, None]) -> Generator[Event, None, None]:
        try:
            while True:
                try:
                    yield self._portal.call(events.__anext__)
                except StopAsyncIteration:
                    return
        finally:
            self._portal.call(events.aclose)


Connect = Callable[..., Client]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Return a maker of clients; each test runs with both kinds."""
    if request.param == "sync":
        clients: list[Client] = []

        def make(*args: Any, **options: Any) -> Client:
            clients.append(Client(*args, **options))
            return clients[-1]

        yield make
        for client in clients:
            client.close()
        return
    with start_blocking_portal() as portal:
        twins: list[Blocking] = []

        def make_async(*args: Any, **options: Any) -> Any:
            twins.append(Blocking(portal, AsyncClient(*args, **options)))
            return twins[-1]

        yield make_async
        for twin in twins:
            twin.aclose()


@pytest.fixture
def answering(connect: Connect) -> Callable[..., Client]:
    """Return a maker of clients whose requests a function answers, in place of a server."""

    def make(handler: Handler, **options: Any) -> Client:
        return connect("http://server", transport=httpx.MockTransport(handler), **options)

    return make


@pytest.fixture
def sample_document() -> Callable[..., dict[str, Any]]:
    """Return a maker of samples as the server writes them."""

    def make(index: int = 0, **members: Any) -> dict[str, Any]:
        return {
            "index": index,
            "seed": 7,
            "media_type": "application/json",
            "shape": [2],
            "data": [0.5, -1.25],
            "confidence": 0.81,
            "uncertainty": 412.6,
            "method": "propagated",
            "semantics": "ambiguity",
            "unit": "squared data units",
            "scores": {"propagated": 412.6},
            "commit": {"t": 0.43, "step": 9},
            "profile": None,
            "map": None,
            "decision": None,
            "finish_reason": "converged",
            "steps": {"accepted": 20, "rejected": 0},
            "evaluations": 40,
            **members,
        }

    return make


@pytest.fixture
def answer(sample_document: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return a maker of whole answers as the server writes them."""

    def make(*samples: dict[str, Any], **members: Any) -> dict[str, Any]:
        return {
            "id": "req_1",
            "model": "ring",
            "model_version": "sha256:0123",
            "seed": 7,
            "samples": list(samples) or [sample_document()],
            "usage": {
                "evaluations": 40,
                "evaluations_saved": 0,
                "queue_s": 0.001,
                "compute_s": 0.2,
            },
            **members,
        }

    return make


@pytest.fixture(scope="session")
def server(embedded: Server) -> str:
    """The URL of a server on the embedded checkpoints."""
    return embedded.url


@dataclass(frozen=True)
class Keyed:
    """A server of one's own models that asks for keys: one for everything, one for samples."""

    url: str
    models: Path
    admin: str
    maker: str


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """Run a server with keys on a copy of ``ring-exact``."""
    folder = tmp_path_factory.mktemp("keyed")
    models, file = folder / "models", folder / "keys.json"
    shutil.copytree(ROOT / "models" / "checkpoints" / "ring-exact", models / "ring-exact")
    admin, maker = _key(file, "generate", "admin"), _key(file, "generate")
    options = ("--models-dir", str(models), "--api-keys-file", str(file))
    with serving(*options) as running:
        yield Keyed(running.url, models, admin, maker)


def _key(file: Path, *scopes: str) -> str:
    """Write a key into the file; return its token."""
    id, token = mint()
    values = {"id": id, "name": "test", "scopes": scopes, "digest": digest(token)}
    with changing(file) as keys:
        keys.append(Key.model_validate({**values, "created_at": datetime.now(UTC)}))
    return token
