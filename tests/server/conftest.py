"""Checkpoints with known answers, and servers that really run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sureflow.checkpoint import CALIBRATION, CheckpointConfig, load, save
from sureflow.core.lane import Sample
from sureflow.evaluation.judged import judged
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.engine import GRID
from sureflow.families.flow.grid import Grid
from sureflow.learned import LEARNED_FROM
from sureflow.networks.registry import build, register
from sureflow_server.keys.file import changing
from sureflow_server.keys.key import SCOPES, Key
from sureflow_server.keys.token import digest, mint
from tests.server.clock import Clock
from tests.server.collector import collecting
from tests.server.moody import Mood, Moody
from tests.server.pulled import Pulled
from tests.server.pulled import install as install_pulled
from tests.server.running import PATIENCE_S, Server, serving
from tests.server.store.places import redis_server
from tests.server.store.redis_server import RedisServer

POINTS: dict[str, Any] = {
    "kind": "gaussian_mixture",
    "weights": [1, 1, 2],
    "means": [[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]],
    "covariances": [0.1, 0.1, 0.3],
}
ICONS: dict[str, Any] = {
    "kind": "gaussian_mixture",
    "weights": [1, 1, 1],
    "means": [[0.9] * 8 + [-0.9] * 8, [0.9, -0.9] * 8, [-0.9, 0.9] * 8],
    "covariances": [0.1, 0.1, 0.1],
    "labels": [0, 1, 1],
    "shape": [1, 4, 4],
}


def make_checkpoint(folder: Path, network: dict[str, Any], **fields: Any) -> None:
    config = CheckpointConfig(name=folder.name, network=network, **fields)
    save(folder, config, build(network))


def least_sure_stripes(samples: list[Sample]) -> list[bool]:
    """Bad is the less sure third of the stripes."""
    stripes = [sample.uncertainty for sample in samples if sample.spec.label == 1]
    worst = np.quantile(stripes, 2 / 3)
    return [sample.spec.label == 1 and sample.uncertainty > worst for sample in samples]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``points``: plane, no classes, uncalibrated. ``icons``: images, two classes, calibrated and
    judged, with a fitted grid. All test processes share them: the first one makes them."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    root, done = place / "models", place / "models-done"
    with (place / "models-lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not done.exists():
            make_models(root)
            done.touch()
    return root


def make_models(root: Path) -> None:
    make_checkpoint(root / "points", POINTS, media="vector")
    icons = root / "icons"
    make_checkpoint(icons, ICONS, media="image", classes=("half", "stripes"))
    made = calibrate(load(icons), 100, [1.0, 2.0], 5, quiet=True)
    table = judged(load(icons), made, least_sure_stripes, "by eye", 200, 6, quiet=True)
    replace(made, conformal=table).save(icons / CALIBRATION)
    Grid(np.array([0.5, -0.5, 1.0]), {LEARNED_FROM: load(icons).digests}).save(icons / GRID)


@pytest.fixture(scope="session")
def server(models_dir: Path, tools: Path) -> Iterator[Server]:
    """One server for all tests that leave it as they found it."""
    options = ("--models-dir", str(models_dir), "--default-model", "points")
    with serving(*options, plugins=tools) as running:
        yield running


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """One Redis for all tests that leave it running."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def behind(models_dir: Path, redis: RedisServer) -> Iterator[Server]:
    """A server that believes what proxies on this machine say, over a Redis; it keeps little."""
    options = ("--models-dir", str(models_dir), "--default-model", "points")
    shared = ("--store", redis.url, "--replay-bytes", "20000")
    with serving(*options, *shared, "--trusted-proxy", "127.0.0.0/8") as server:
        yield server


@pytest.fixture(scope="session")
def wall_clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    """The wall clock of the server that is watched."""
    return Clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="session")
def _watching(models_dir: Path, wall_clock: Clock) -> Iterator[tuple[Server, list[Span]]]:
    options = ("--models-dir", str(models_dir), "--default-model", "points")
    with pytest.MonkeyPatch.context() as patch, collecting() as (url, spans):
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        told = ("--log", "json", "--traces")
        with serving(*options, *told, plugins=wall_clock.folder) as running:
            patch.undo()
            yield running, spans


@pytest.fixture(scope="session")
def watched(_watching: tuple[Server, list[Span]]) -> Server:
    """A server by a clock that jumps, which tells of its requests in JSON and in traces."""
    return _watching[0]


@pytest.fixture(scope="session")
def collected(_watching: tuple[Server, list[Span]]) -> list[Span]:
    """Spans of the server that is watched, as they arrive."""
    return _watching[1]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its handles whose files are tampered with."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="session")
def keeping(models_dir: Path, kept: Path) -> Iterator[Server]:
    """A server into whose store tests write, beside it."""
    options = ("--models-dir", str(models_dir), "--default-model", "points")
    with serving(*options, "--data-dir", str(kept)) as running:
        yield running


@pytest.fixture(scope="session")
def mood(tmp_path_factory: pytest.TempPathFactory) -> Mood:
    """The network of the model ``moody``, which is in no mood yet; beside it is ``pulled``."""
    mood = Mood(tmp_path_factory.mktemp("moody"))
    for name, network in (("moody", Moody), ("pulled", Pulled)):
        register(name, network)
    install_pulled(mood.plugins)
    names = tuple("abcd")
    make_checkpoint(mood.models / "moody", mood.network, media="vector", classes=names)
    make_checkpoint(mood.models / "pulled", {"kind": "pulled"}, media="vector")
    return mood


@pytest.fixture(scope="session")
def foreign(mood: Mood) -> Iterator[Server]:
    """A server on networks of another distribution, which does not wait for its worker for long.

    Every test leaves it as it found it, but for its restarts.
    """
    options = ("--models-dir", str(mood.models), "--default-model", "moody")
    with serving(*options, "--worker-timeout-s", "3", plugins=mood.plugins) as server:
        yield server


class Guarded:
    """A server that asks for keys.

    ``tokens`` has one for every scope by its name, and ``all``, ``expired``, ``revoked``,
    ``slow`` (a sample in a thousand seconds), ``narrow`` (four samples in flight).
    """

    def __init__(self, server: Server, file: Path, tokens: dict[str, str]) -> None:
        self.server = server
        self.file = file
        self.tokens = tokens
        self._client = httpx.Client(base_url=server.url, timeout=PATIENCE_S)

    def close(self) -> None:
        self._client.close()

    def request(self, method: str, path: str, token: str | None, **options: Any) -> httpx.Response:
        """Send a request with the token, or with none."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= options.pop("headers", {})
        return self._client.request(method, path, headers=headers, **options)

    def generate(self, name: str, **body: Any) -> httpx.Response:
        """Generate with the token of this name."""
        return self.request("POST", "/v1/generate", self.tokens[name], json=body)


def add_key(file: Path, *scopes: str, **fields: Any) -> str:
    """Write a key into the file; return its token."""
    key_id, token = mint()
    values = {"id": key_id, "name": "test", "scopes": scopes, "digest": digest(token)}
    with changing(file) as keys:
        keys.append(Key.model_validate({**values, "created_at": datetime.now(UTC), **fields}))
    return token


@pytest.fixture(scope="session")
def guarded(
    models_dir: Path, tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    """One server with keys for all tests that leave it as they found it."""
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    past = datetime(2020, 1, 1, tzinfo=UTC)
    tokens = {scope: add_key(file, scope) for scope in SCOPES}
    tokens["all"] = add_key(file, *SCOPES)
    tokens["expired"] = add_key(file, *SCOPES, expires_at=past)
    tokens["revoked"] = add_key(file, *SCOPES, revoked_at=past)
    tokens["slow"] = add_key(file, "generate", samples_per_minute=0.06)
    tokens["narrow"] = add_key(file, "generate", max_samples_in_flight=4)
    options = ("--models-dir", str(models_dir), "--default-model", "points")
    asks = ("--api-keys-file", str(file), "--no-open-metrics")
    with serving(*options, *asks, plugins=tools) as running:
        running.client.headers["Authorization"] = f"Bearer {tokens['all']}"
        with closing(Guarded(running, file, tokens)) as guarded:
            yield guarded


@pytest.fixture
def start(models_dir: Path) -> Iterator[Callable[..., Server]]:
    """Start servers of one's own, with these options."""
    with ExitStack() as stack:

        def start(*options: str, models: Path = models_dir, plugins: Path | None = None) -> Server:
            options = ("--models-dir", str(models), *options)
            return stack.enter_context(serving(*options, plugins=plugins))

        yield start
