"""Reading the JSON body of a request: a long one beside the event loop, and one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from sureflow_server.api.json_text import PIECE, JsonError, read_json
from sureflow_server.api.problems import Problem

T = TypeVar("T")

LONG = PIECE
"""Bytes; what is longer is read, and what it says planned, in a thread."""

THREAD = ThreadPoolExecutor(1, thread_name_prefix="long-bodies")
"""A single one, so that many long bodies leave as much to the event loop as one does."""


class JsonRequest(Request):
    """A request whose body is read as what its route declares.

    Args:
        scope: Of the request, as are ``receive`` and ``send``.
        reader: Of the body; ``None``: the route takes none.
    """

    def __init__(self, request: Request, reader: TypeAdapter[Any] | None) -> None:
        super().__init__(request.scope, request.receive)
        self.reader = reader

    async def json(self) -> Any:
        """Return the body as an instance of what the route declares.

        Raises:
            Problem: It is no JSON, or does not fit; names the fields.
        """
        text = await self.body()
        read = read_json if self.reader is None else partial(read_as, self.reader)
        return await beside(self, partial(read, text))


async def beside(request: Request, work: Callable[[], T]) -> T:
    """Do work on a body that has arrived; on a long one, beside the event loop."""
    if len(await request.body()) <= LONG:
        return work()
    loop, context = asyncio.get_running_loop(), copy_context()
    return await loop.run_in_executor(THREAD, partial(context.run, work))


def read_as(reader: TypeAdapter[T], text: bytes) -> T:
    """Return what a JSON text says, as a schema has it.

    Raises:
        Problem: It is no JSON, or does not fit; names the fields.
    """
    try:
        said = read_json(text)
    except JsonError as error:
        raise Problem("malformed-body", str(error), [("body", str(error))]) from None
    try:
        return reader.validate_python(said)
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_context=False)
        raise Problem.invalid(complaints, said, within=["body"]) from None
