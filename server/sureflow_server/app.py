"""The ASGI application."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from starlette.types import ASGIApp

from sureflow import __version__
from sureflow.folders import checkpoint_folders, embedded_folder
from sureflow_server import traces
from sureflow_server.api import (
    access,
    disconnect,
    docs,
    drift,
    edit,
    generate,
    handles,
    health,
    invert,
    llms,
    models,
    problems,
    review,
    standing_judge,
    verdicts,
)
from sureflow_server.api import jobs as job_routes
from sureflow_server.api.answer_budget import AnswerBudget
from sureflow_server.api.board import Board
from sureflow_server.api.body_limit import BodyLimit
from sureflow_server.api.browser_guard import BrowserGuard, Hosts
from sureflow_server.api.encoded import Encoded
from sureflow_server.api.headers import SecurityHeaders
from sureflow_server.api.json_pieces import text
from sureflow_server.api.leniency import Leniency
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.openai import routes as openai
from sureflow_server.api.request_log import RequestLog
from sureflow_server.api.review_stream import ReviewStreams
from sureflow_server.api.v2 import routes as v2
from sureflow_server.bodies import Bodies
from sureflow_server.engine.account import Limits
from sureflow_server.engine.admission import AdmissionLimits
from sureflow_server.engine.errors import StartupError
from sureflow_server.engine.messages import WorkerConfig
from sureflow_server.engine.pool import Pool
from sureflow_server.engine.timeouts import Timeouts
from sureflow_server.garbage import collect_at_rest
from sureflow_server.heap import Heap
from sureflow_server.judges import JudgePool, judges_of
from sureflow_server.keys.accounts import Accounts
from sureflow_server.keys.reads import Reads
from sureflow_server.keys.ring import KeyRing
from sureflow_server.metrics import Metrics
from sureflow_server.prefix import Prefix
from sureflow_server.replays import Replays
from sureflow_server.service import PREFERRED_DEFAULT, Service
from sureflow_server.settings import Settings
from sureflow_server.standing import Standing
from sureflow_server.store import Store, VerdictStore
from sureflow_server.store.open import data_dir
from sureflow_server.store.sweeping import sweep
from sureflow_server.turnstile import Turnstile

if TYPE_CHECKING:
    from sureflow_server.replicas.replica import Replica

DESCRIPTION = "Samples of flow models, each with a confidence from the same forward passes."

VERIFIED = "verified"
"""Name of the folder of verified block sizes."""

ALLOWED = (
    *("Authorization", "Idempotency-Key", "Last-Event-ID", "Prefer", "X-Request-Id"),
    *("Mcp-Method", "Mcp-Name", "Mcp-Protocol-Version", "Mcp-Session-Id"),
    *("User-Agent", "OpenAI-Organization", "OpenAI-Project", "OpenAI-Beta"),
    *(
        f"X-Stainless-{name}"
        for name in (
            *("Arch", "Async", "Custom-Poll-Interval", "Helper-Method", "Lang", "OS"),
            *("Package-Version", "Poll-Helper", "Raw-Response", "Read-Timeout", "Retry-Count"),
            *("Runtime", "Runtime-Version", "Stream-Helper", "Timeout"),
        )
    ),
)
"""Headers that a page of an allowed origin may send, beside those that any may.

The last ones are those of OpenAI's clients: of its packages ``openai`` for JavaScript and Python.
"""

EXPOSED = ("Location", "Retry-After", "Retry-After-Ms", "X-Request-Id", "X-Sureflow-Record")
"""Headers that a page of an allowed origin may read."""


DOCUMENT_BYTES = 1 << 20
"""Bytes that are made in the time in which the OpenAPI document is, about."""

SWITCH_S = 0.001
"""Seconds for which the event loop waits for a thread that reads a long body."""


class Application(FastAPI):
    """FastAPI, with API keys and problem documents in its OpenAPI document."""

    _described: tuple[int, str, bytes] = (0, "", b"")

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            document = super().openapi()
            access.declare(document, keyless=self.state.service.keys is None)
            problems.declare(document)
        return super().openapi()

    def setup(self) -> None:
        """Add the OpenAPI document."""
        self._describing = asyncio.Lock()
        self.add_route(str(self.openapi_url), self._describe, include_in_schema=False)

    async def _describe(self, request: Request) -> Response:
        """Show it; it is encoded once."""
        root = request.scope.get("root_path", "").rstrip("/")
        async with self._describing:
            return Encoded((await off_loop(lambda: self._text(root), DOCUMENT_BYTES),))

    def _text(self, root: str) -> bytes:
        """The document as JSON, below a path."""
        document = self.openapi()
        if self._described[:2] != (id(document), root):
            servers = {"servers": [{"url": root}]} if root else {}
            self._described = id(document), root, text({**document, **servers})
        return self._described[2]

    def build_middleware_stack(self) -> ASGIApp:
        """Wrap everything, the answer to a failure included."""
        return SecurityHeaders(super().build_middleware_stack())


def create_app(
    settings: Settings,
    store: Store | None = None,
    replica: Replica | None = None,
    verdict_store: VerdictStore | None = None,
) -> FastAPI:
    """Build the application; the worker starts with its lifespan.

    ``app.state.service`` is the running :class:`~sureflow_server.service.Service`.

    Args:
        settings: What the operator chose.
        store: Keeps handles; the caller closes it.
        replica: What else is shared with other servers over the same store.
        verdict_store: Keeps verdicts; likewise.

    Raises:
        KeyFileError: The API keys cannot be read.
        StartupError: There is no checkpoint folder, or none of the default model.
    """
    _look_for_models(settings)
    metrics = Metrics()
    shared = {field.name for field in fields(WorkerConfig)} & Settings.model_fields.keys()
    last = (settings.default_model or PREFERRED_DEFAULT,)
    given = settings.model_dump(include=shared) | {"standby": settings.stands_by}
    config = WorkerConfig(**given, last=last, verified_dir=data_dir(settings) / VERIFIED)
    timeouts = Timeouts(settings.worker_timeout_s, settings.load_s)
    admission = AdmissionLimits(settings.max_queued_samples, settings.max_queued_bytes)
    pool = Pool(config, admission, metrics, timeouts)
    metrics.reserved_bytes.set_function(lambda: pool.reserved_bytes)

    limits = Limits(settings.samples_per_minute, settings.max_samples_in_flight)
    if replica is None:
        accounts = Accounts(limits)
        replays = Replays(settings.replay_bytes, settings.replay_s)
        jobs = Board(settings.job_bytes, settings.job_s)
    else:
        accounts = replica.accounts(limits)
        replays = replica.replays(settings.replay_bytes, settings.replay_s)
        jobs = replica.board(settings.job_bytes, settings.job_s)
        replica.fingerprints = pool.fingerprints
    heap = Heap()
    answers = AnswerBudget(settings.answer_bytes, heap.freed)
    jobs.freed = heap.freed
    metrics.answer_bytes.set_function(lambda: answers.size)
    metrics.job_bytes.set_function(lambda: jobs.size)

    judges = JudgePool(
        judges_of(settings.judges), settings.judge_processes, settings.judge_timeout_s
    )

    def busy() -> bool:
        return pool.reserved > 0 or answers.size > 0

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        sys.setswitchinterval(SWITCH_S)
        if replica is not None:
            await replica.start()
        pool.start()
        beside = [asyncio.create_task(collect_at_rest(busy, heap.give_back))]
        if store is not None:
            beside.append(asyncio.create_task(sweep(store, metrics.stored)))
        if verdict_store is not None:
            beside.append(asyncio.create_task(drift.watch(app.state.service)))
            beside.append(asyncio.create_task(standing_judge.watch(app.state.service)))
        yield
        if pool.draining:
            await jobs.finish()
        for task in beside:
            task.cancel()
        await pool.stop()
        judges.close()
        if replica is not None:
            await replica.stop()
        traces.flush()

    app = Application(
        title="Sureflow",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    bodies = Bodies(settings.bodies_bytes, settings.max_body_bytes)
    app.state.service = Service(
        settings,
        pool,
        metrics,
        bodies,
        keys=None if settings.api_keys_file is None else KeyRing(settings.api_keys_file),
        accounts=accounts,
        replays=replays,
        jobs=jobs,
        answers=answers,
        reads=Reads(settings.reads_per_minute),
        streams=ReviewStreams(pool),
        judges=judges,
        standing=Standing(settings.standing_judge, settings.standing_share),
        handles=store,
        reviewed=verdict_store,
        differing=(list) if replica is None else (lambda: replica.differing),
    )
    problems.install(app)
    disconnect.install(app)
    app.add_middleware(Leniency)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, bodies=bodies)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=ALLOWED,
            expose_headers=EXPOSED,
        )
    if settings.traces:
        app.add_middleware(traces.RequestTrace)
    app.add_middleware(
        BrowserGuard, hosts=Hosts.of(settings), origins=frozenset(settings.allowed_origins)
    )
    app.add_middleware(RequestLog)
    app.add_middleware(Turnstile)
    app.add_middleware(Prefix, root=settings.root_path)
    for router in (
        generate.router,
        edit.router,
        invert.router,
        handles.router,
        job_routes.router,
        models.router,
        review.router,
        verdicts.router,
        health.router,
        v2.router,
        openai.router,
    ):
        app.include_router(router)
    docs.install(app)
    llms.install(app)
    return app


def _look_for_models(settings: Settings) -> None:
    """Refuse what cannot be served before anything is loaded, which takes seconds."""
    root, default = settings.models_dir or embedded_folder(), settings.default_model
    try:
        names = [folder.name for folder in checkpoint_folders(root)]
    except OSError as error:
        raise StartupError(f"models_dir: {error}") from error
    if not names:
        raise StartupError(f"models_dir: {root} holds no checkpoint folder")
    if default is not None and default not in names:
        raise StartupError(f"default_model: {default} is not in {root}, but {', '.join(names)}")
