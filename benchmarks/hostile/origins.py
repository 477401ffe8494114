"""Headers that say who asks, and are not true."""

from __future__ import annotations

from benchmarks.hostile.request import Request
from benchmarks.hostile.sending import Outcome, document_of, send
from benchmarks.hostile.target import Target

FORWARDED = (
    *(b"x y", b"10.0.0.1", b"::1", b"%s%s", b"*", b"\xff\xfe", b"127.0.0.1, x\ty", b"-", b","),
    *(b"1" * 4000, b"a," * 3000, b"for=_x;proto=http", b"'; DROP TABLE handles; --"),
)
NAMES = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "X-Forwarded-Host")
PAGES: tuple[tuple[tuple[str, bytes], ...], ...] = (
    (("Origin", b"https://evil.example"),),
    (("Origin", b"null"),),
    (("Sec-Fetch-Site", b"cross-site"),),
    (("Sec-Fetch-Site", b"same-site"),),
    (("Host", b"evil.example"),),
    (("Host", b"evil.example"), ("Origin", b"http://evil.example")),
    (("Host", b"127.0.0.1.evil.example"),),
    (("Host", b""),),
)


def forwarded(target: Target) -> Outcome:
    """Nonsense in the headers of proxies."""
    headers = [((name, value),) for name in NAMES for value in FORWARDED]
    requests = [
        Request(method, path, body, each, path, f"{each!r:.80}")
        for each in headers
        for method, path, body in (("GET", "/v1/jobs", b""), ("POST", "/v1/generate", b'{"n":1}'))
    ]
    with target.client() as client:
        return send(client, requests).expect(200, 400, 431)


def pages(target: Target) -> Outcome:
    """Every route, asked by pages of others and under names of others."""
    with target.client() as client:
        operations = [
            (method.upper(), route)
            for route, each in document_of(client)["paths"].items()
            for method in each
        ]
        requests = [
            _request(method, route, headers) for method, route in operations for headers in PAGES
        ]
        return send(client, requests).expect(403)


def _request(method: str, route: str, headers: tuple[tuple[str, bytes], ...]) -> Request:
    path = route.replace("{name}", "ring").replace("{id}", "x").replace("{version}", "x")
    body = b"{}" if method == "POST" else b""
    return Request(method, path, body, headers, route, f"{headers!r:.80}")
