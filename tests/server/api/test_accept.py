from __future__ import annotations

import pytest

from sureflow_server.api.accept import negotiate

OFFERED = ("application/json", "image/png", "text/event-stream")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("IMAGE/PNG", "image/png"),
        ("text/event-stream, application/json", "application/json"),
        ("application/json;q=0.5, text/event-stream", "text/event-stream"),
        ("application/json;q=0, */*", "image/png"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json; charset=utf-8; q=0.9, image/png;q=0.8", "application/json"),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json;q=high", None),
    ],
)
def test_negotiate(accept: str | None, expected: str | None) -> None:
    assert negotiate(accept, OFFERED) == expected
