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

ENCODINGS = ("", "identity")
"""Bodies that are taken are not compressed, so that what they take is known beforehand."""


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
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ENCODINGS:
        message = f"Content-Encoding is {coding[:100]}; send the body as it is, without compression"
        raise Problem("unsupported-media-type", message, [("Content-Encoding", message)])
    if not known or not (types or inference):
        got = ", ".join(types)[:100] or "none"
        raise Problem("unsupported-media-type", f"Content-Type is {got}")


def _has_body(request: Request) -> bool:
    announced = request.headers.get("content-length", "0")
    return announced != "0" or "transfer-encoding" in request.headers
