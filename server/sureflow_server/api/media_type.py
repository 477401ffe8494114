"""What a body is, as its request says: ``Content-Type``.

A form of a web page can send three types, none of which is taken anywhere.
"""

from __future__ import annotations

import re

from fastapi import Request

from sureflow_server.api.dialect import OPEN_INFERENCE, dialect_of
from sureflow_server.api.problems import Problem

JSON = re.compile(r"application/([\w.-]+\+)?json")
BYTES = "application/octet-stream"


def check(request: Request) -> None:
    """Refuse a body of a type that the route does not take.

    The Open Inference Protocol also has JSON followed by bytes; and what many of its clients send
    has no type at all, which no form can do.

    Raises:
        Problem: It is of another.
    """
    if request.method != "POST" or not _has_body(request):
        return
    given = request.headers.getlist("content-type")
    types = [each.partition(";")[0].strip().lower() for each in given]
    inference = dialect_of(request) is OPEN_INFERENCE
    known = all(JSON.fullmatch(each) or (inference and each == BYTES) for each in types)
    if not known or not (types or inference):
        got = ", ".join(types)[:100] or "none"
        raise Problem("unsupported-media-type", f"Content-Type is {got}")


def _has_body(request: Request) -> bool:
    announced = request.headers.get("content-length", "0")
    return announced != "0" or "transfer-encoding" in request.headers
