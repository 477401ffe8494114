"""Which tests go together where several processes share the work, and which come first."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

import sureflow as sureflow  # decides on kernels before any test imports torch
from tests.installed import CLIENT, install
from tests.server.running import Server, in_turn, serving

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more are slower, and sums depend on their number
gc.disable()  # until all is collected: modules and tests are no garbage

# A busy machine is slow, and that is no failure.
settings.register_profile("sureflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sureflow")

TESTS = Path(__file__).parent
SMALL = (
    *("access", "browser_guard", "certified", "deadline", "docs", "edit", "edit_problems", "first"),
    *(
        "generate",
        "halving",
        "handles",
        "headers",
        "idempotency",
        "invert",
        "jobs",
        "leniency",
        "llms",
    ),
    *("media_type", "models", "openai", "openapi", "owners", "problems", "refusals"),
    *("resolve_filter", "rewinding", "stream", "v2", "verdicts"),
)
ROOMS = (
    "studio/",
    (
        *("clients/", "server/api/test_examples.py", "server/api/test_mixed_labels.py"),
        "benchmarks/agent_tasks/",
    ),
    (
        *(f"server/api/test_{name}.py" for name in SMALL),
        *(f"server/test_{name}.py" for name in ("dashboards", "forwarded", "imports", "mcp")),
        *(f"server/test_{name}.py" for name in ("mcp_keys", "metrics", "protocol", "proxies")),
        *(f"server/test_{name}.py" for name in ("serve", "studio")),
        "server/engine/test_pool.py",
    ),
    tuple(f"server/test_{name}.py" for name in ("clock", "logs", "traces")),
    ("server/engine/test_supervisor.py", "server/api/test_condition.py"),
    ("server/api/test_replay.py", "server/test_storage_faults.py"),
    tuple(f"server/replicas/test_{name}.py" for name in ("kernels", "refusals", "servers")),
    (
        *(f"models/importing/test_{name}.py" for name in ("diffusers_folder", "end_to_end")),
        *(f"models/importing/test_{name}.py" for name in ("hostile_text", "scheduler")),
        *(f"models/importing/test_{name}.py" for name in ("text_folder", "ways_to_run")),
        *(f"models/networks/foreign/test_{name}.py" for name in ("diffusers", "diffusers_decoder")),
        "models/families/diffusion/test_diffusers.py",
    ),
)
"""Tests that share what is dear to start: a browser, the server on the models that ship, the
servers with and without keys that most files ask, those that a fixture of ``server/conftest.py``
starts for two or three files, and the packages of other people's models, imported.
"""
FIRST = (
    *("studio", "documents", "clients", "server", "deploy", "examples"),
    *("models/importing", "models/training", "benchmarks"),
)
"""What takes long comes first, so that what is short evens out when all are done."""


def place(path: str) -> int:
    """Where a test stands: by its folder."""
    return next((i for i, folder in enumerate(FIRST) if path.startswith(f"{folder}/")), len(FIRST))


def room(nodeid: str) -> str:
    """What one process works through as a whole: one of :data:`ROOMS`, or a file."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    return next((str(room) for room in ROOMS if file.startswith(room)), file)


class ByRoom(LoadScopeScheduling):
    """Gives processes a room at a time, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return room(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByRoom:
    config.option.loadscopereorder = False
    return ByRoom(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort; while there is a browser no other test may start an event loop, so it comes last."""

    def key(item: pytest.Item) -> tuple[int, bool]:
        path = item.path.relative_to(TESTS).as_posix()
        return place(path), "browser" in getattr(item, "fixturenames", ())

    items.sort(key=key)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the client is installed, and with it the tools that servers offer."""
    return install(tmp_path_factory.mktemp("client") / "site", CLIENT)


@pytest.fixture(scope="session")
def embedded(tools: Path) -> Iterator[Server]:
    """A server on the checkpoints that ship, for all tests that leave it as they found it."""
    with ExitStack() as stack:
        with in_turn():
            server = stack.enter_context(serving("--max-queued-samples", "256", plugins=tools))
        yield server
