"""Whose key a tool uses, what it may do then, and how a server ends beside tools at work."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.agents import agent_does, call, refused
from tests.server.conftest import Guarded, add_key
from tests.server.running import PATIENCE_S, Server, eventually, serving

ICONS: dict[str, Any] = {"model": "icons", "label": "half", "n": 2}
LONG: dict[str, Any] = {"model": "points", "n": 4, "method": "rk4", "steps": 500}


def handles(facts: dict[str, Any]) -> list[str]:
    return [row["handle"] for row in facts["samples"]]


def test_the_callers_scopes_hold(guarded: Guarded) -> None:
    url, tokens = guarded.server.url, guarded.tokens
    made = call(url, "generate", tokens["generate"], **ICONS)
    assert call(url, "explain", tokens["generate"], handle=handles(made)[0])["model"] == "icons"
    why = refused(url, "rewind", tokens["generate"], handles=handles(made)[:1])
    assert "lacks the scope edit" in why
    why = refused(url, "generate", tokens["edit"], **ICONS)
    assert "lacks the scope generate" in why
    assert call(url, "list_models", tokens["metrics"])["models"]
    assert "lacks the scope" in refused(url, "review", tokens["metrics"])


def test_what_others_keep_is_not_there(guarded: Guarded) -> None:
    url, tokens = guarded.server.url, guarded.tokens
    handle = handles(call(url, "generate", tokens["generate"], **ICONS))[0]
    for tool, arguments in (
        ("explain", {"handle": handle}),
        ("rewind", {"handles": [handle]}),
        ("show", {"handles": [handle]}),
        ("delete_handles", {"handles": [handle]}),
    ):
        why = refused(url, tool, tokens["all"], **arguments)
        assert "No such handle" in why or "unknown" in why, why
    listed = call(url, "review", tokens["all"])["samples"]
    assert handle not in [row["handle"] for row in listed]
    assert call(url, "explain", tokens["generate"], handle=handle)["handle"] == handle


def test_others_jobs_are_not_there(guarded: Guarded) -> None:
    url, tokens = guarded.server.url, guarded.tokens
    job = call(url, "generate", tokens["generate"], **LONG, wait_s=0)["job"]
    assert "job" in refused(url, "job", tokens["all"], job=job)
    assert call(url, "job", tokens["generate"], job=job, cancel=True)["state"] == "cancelled"


def test_the_callers_rate_holds(guarded: Guarded) -> None:
    slow = add_key(guarded.file, "generate", samples_per_minute=0.06)

    async def twice(agent: Any) -> str:
        await agent.call("generate", model="points", n=1)
        return str(await agent.refused("generate", model="points", n=1))

    assert "try again in" in agent_does(guarded.server.url, twice, key=slow)


def test_who_leaves_stops_the_work(server: Server) -> None:
    """The job of a call is nobody's once its caller has gone."""
    before = {job["id"] for job in server.client.get("/v1/jobs").json()["jobs"]}

    def new() -> list[dict[str, Any]]:
        jobs = server.client.get("/v1/jobs").json()["jobs"]
        return [job for job in jobs if job["id"] not in before]

    async def leave(agent: Any) -> None:
        with anyio.move_on_after(PATIENCE_S) as scope:

            async def once_begun() -> None:
                while not new():
                    await anyio.sleep(0.02)
                scope.cancel()

            async with anyio.create_task_group() as group:
                group.start_soon(once_begun)
                await agent.call("generate", **{**LONG, "steps": 1000, "n": 64})

    agent_does(server.url, leave)
    eventually(lambda: not [job for job in new() if job["state"] in ("queued", "running")])


@pytest.fixture(params=[60, 1])
def ending(models_dir: Path, tools: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    options = ("--models-dir", str(models_dir), "--drain-s", str(request.param))
    with serving(*options, "--default-model", "points", plugins=tools) as running:
        yield running


def test_a_server_ends_beside_open_tools(ending: Server, request: pytest.FixtureRequest) -> None:
    """One agent has asked, and another is connected and idle. What can be done in time is done."""
    enough = request.node.callspec.params["ending"] > 1
    asked = LONG if enough else {**LONG, "n": 64, "steps": 1000}

    async def ask(agent: Any) -> Any:
        await (
            agent.client.list_tools()
        )  # by which it reads the answer, when nobody listens any more
        return await (agent.call if enough else agent.refused)("generate", **asked)

    async def idle(agent: Any) -> Any:
        await agent.call("list_models")
        with ThreadPoolExecutor(1) as beside:
            asking = beside.submit(agent_does, ending.url, ask)
            eventually(lambda: bool(ending.client.get("/v1/jobs").json()["jobs"]))
            ending.process.send_signal(signal.SIGTERM)
            assert not asking.done()
            return asking.result(PATIENCE_S)

    answer = agent_does(ending.url, idle, way="http, with handshake")
    assert len(answer["samples"]) == 4 if enough else "shutting down" in answer
    assert ending.process.wait(PATIENCE_S) == 0
    assert "Traceback" not in "".join(ending.log)
