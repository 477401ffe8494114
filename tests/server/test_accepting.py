from __future__ import annotations

import asyncio
import errno
import logging
from typing import Any

import pytest

from sureflow_server.accepting import RETRY, ScarceDescriptors


def told(context: dict[str, Any], times: int = 1) -> list[str]:
    """What an event loop says of an error."""
    records: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record.getMessage())

    handler, loop = Kept(), asyncio.new_event_loop()
    logging.getLogger().addHandler(handler)
    try:
        loop.set_exception_handler(ScarceDescriptors())
        for _ in range(times):
            loop.call_exception_handler(context)
    finally:
        logging.getLogger().removeHandler(handler)
        loop.close()
    return records


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_want_of_descriptors_is_said_once(number: int) -> None:
    context = {"message": "accept", "exception": OSError(number, "none left"), "socket": object()}
    assert told(context, 2000) == ["connections wait: none left; `ulimit -n` allows too few"]


def test_another_try_on_a_closed_listener_is_no_error() -> None:
    context = {"message": f"Exception in callback {RETRY}()", "exception": ValueError("-1")}
    assert told(context) == []


@pytest.mark.parametrize(
    "context",
    [
        {"message": "it broke", "exception": ValueError("no")},
        {"message": "accept", "exception": OSError(errno.EPERM, "no"), "socket": object()},
        {"message": "it broke", "exception": OSError(errno.EMFILE, "none left")},
    ],
    ids=["not of the system", "another number", "elsewhere"],
)
def test_other_errors_are_told_as_ever(context: dict[str, Any]) -> None:
    (said,) = told(context)
    assert said.startswith(context["message"])
