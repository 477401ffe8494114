"""Reading the JSON body of a request: a long one beside the event loop."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from sureflow_server.api.json_text import JsonError, read_json
from sureflow_server.api.nearest_field import nearest
from sureflow_server.api.off_loop import READ, off_loop
from sureflow_server.api.problems import Problem

T = TypeVar("T")


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
        return await off_loop(partial(read, text), READ * len(text))


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
        known = partial(nearest, reader=reader)
        raise Problem.invalid(complaints, said, ["body"], known) from None
