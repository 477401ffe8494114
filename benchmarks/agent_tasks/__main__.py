"""The command: ``python -m benchmarks.agent_tasks [--url URL] [--way WAY]``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from functools import partial

import anyio
import httpx

from benchmarks import agent_tasks as package
from benchmarks.agent_tasks.agent import WAYS, Way, connected
from benchmarks.agent_tasks.task import MOST_BYTES, MOST_CALLS, Done, done
from benchmarks.agent_tasks.tasks import TASKS

HEAD = ("task", "calls", "longest answer, bytes", "pictures", "the agent says")


async def all_done(url: str, way: Way) -> list[Done]:
    """Do all tasks, by one way to the tools."""
    async with connected(url, way, environment=dict(os.environ)) as client:
        return [await done(task, client) for task in TASKS]


def table(rows: Iterable[Done]) -> str:
    """Return what became of tasks, in Markdown."""
    cells = [(f"{row.task.asked}", row.calls, row.largest, row.pictures, row.said) for row in rows]
    lines = ["| " + " | ".join(map(str, line)) + " |" for line in (HEAD, ["---"] * 5, *cells)]
    return "\n".join(lines)


def main() -> int:
    """Run it; 1 if a task took more than it may."""
    parser = argparse.ArgumentParser(description=package.__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the server")
    parser.add_argument("--way", choices=WAYS, action="append", help="default: all")
    options = parser.parse_args()
    try:
        httpx.get(f"{options.url}/health/ready", timeout=30).raise_for_status()
    except httpx.HTTPError as error:
        parser.error(f"--url: no server is ready at {options.url} ({error}); start one: make serve")
    well = True
    for way in options.way or WAYS:
        rows = anyio.run(partial(all_done, options.url, way))
        print(f"\n## {way}\n\n{table(rows)}")
        print(f"\n{sum(row.well for row in rows)} of {len(rows)} within {MOST_CALLS} calls", end="")
        print(f" and {MOST_BYTES} bytes")
        well &= all(row.well for row in rows)
    return int(not well)


if __name__ == "__main__":
    raise SystemExit(main())
