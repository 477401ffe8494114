"""Every task is done, by every way to the tools, in few calls and short answers."""

from __future__ import annotations

import anyio
import pytest

from benchmarks.agent_tasks.agent import Way, connected
from benchmarks.agent_tasks.task import MOST_BYTES, MOST_CALLS, Done, Task, done
from benchmarks.agent_tasks.tasks import TASKS
from tests.agents import ENVIRONMENT
from tests.server.running import Server


def test_there_are_twenty() -> None:
    assert len({task.asked for task in TASKS}) == 20


@pytest.mark.parametrize(
    ("way", "tasks"),
    [
        pytest.param("http", TASKS[1::4], id="some, http"),
        pytest.param("http", TASKS, id="http", marks=pytest.mark.slow),
        pytest.param("stdio", TASKS, id="stdio", marks=pytest.mark.slow),
    ],
)
def test_tasks_are_done(embedded: Server, way: Way, tasks: list[Task]) -> None:
    async def all_done() -> list[Done]:
        async with connected(embedded.url, way, environment=ENVIRONMENT) as client:
            return [await done(task, client) for task in tasks]

    rows = anyio.run(all_done)
    assert [row.task.asked for row in rows if not row.well] == []


def test_a_task_that_takes_too_much_is_found() -> None:
    async def do(agent: object) -> str:
        return ""

    task = Task("nothing", do)
    assert Done(task, "", MOST_CALLS, MOST_BYTES - 1, 0).well
    assert not Done(task, "", MOST_CALLS + 1, 0, 0).well
    assert not Done(task, "", 1, MOST_BYTES, 0).well
