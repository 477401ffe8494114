"""Sends hostile requests to a server, and says which answers are not what was promised."""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

from benchmarks.hostile.mutations import chosen
from benchmarks.hostile.request import Request, Sound
from benchmarks.hostile.sound import sound

JSON = {"Content-Type": "application/json"}
MOST_BYTES = 4096
WAIT_S = 30.0
LEAK = re.compile(r"0x[0-9a-f]{8,}|/(?:home|tmp|root|usr|var|opt|work|etc)/[\w.-]+/", re.IGNORECASE)
"""Addresses in memory and folders, as far as no request names them."""

NAMED = {413, 422}
"""Statuses whose problems name a field."""

OPENAI, NAMED_BY_OPENAI = "/v1/images", {400, 413}
"""Paths whose errors have the form of OpenAI, and the same statuses there."""

MCP = "/mcp"
"""Where errors of the protocol have the form of JSON-RPC."""

Documented = dict[tuple[str, str], set[int]]


@dataclass
class Outcome:
    """What came of requests.

    Attributes:
        statuses: How many were answered with which; 0 is none.
        offences: What was wrong with answers.
        largest: Bytes of the largest answer.
        largest_refusal: Bytes of the largest that is no success.
        undocumented: Answers of 500 and above that the OpenAPI document does not speak of.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    offences: list[str] = field(default_factory=list)
    largest: int = 0
    largest_refusal: int = 0
    undocumented: int = 0

    def judge(self, request: Request, answer: httpx.Response, documented: Documented) -> None:
        """Count an answer, and look at it."""
        known = documented.get((request.method, request.route), set())
        self.count(answer.status_code, len(answer.content), known)
        if wrong := offence(request, answer, documented):
            said = f"{request.method} {request.route} {request.changed}: {answer.status_code}"
            self.offences.append(f"{said}: {wrong}: {answer.text[:200]}")

    def add(self, other: Outcome) -> None:
        """Count what came of others too."""
        self.statuses += other.statuses
        self.offences += other.offences
        self.largest = max(self.largest, other.largest)
        self.largest_refusal = max(self.largest_refusal, other.largest_refusal)
        self.undocumented += other.undocumented

    def expect(self, *statuses: int) -> Outcome:
        """Return it with an offence for every other status."""
        others = {code: n for code, n in self.statuses.items() if code not in statuses}
        self.offences += [f"{n} x {code}, expected {statuses}" for code, n in others.items()]
        return self

    def count(self, status: int, nbytes: int, known: Collection[int]) -> None:
        """Count an answer of so many bytes, to a request for which these statuses are known."""
        self.statuses[status] += 1
        self.largest = max(self.largest, nbytes)
        if status >= 400:
            self.largest_refusal = max(self.largest_refusal, nbytes)
        self.undocumented += status >= 500 and (status == 500 or status not in known)


def offence(request: Request, answer: httpx.Response, documented: Documented) -> str | None:
    """Return what is wrong with an answer, if anything is."""
    status = answer.status_code
    known = documented.get((request.method, request.route))
    if status == 500 or (known is not None and status not in known):
        return "not documented"
    if status < 400:
        return None
    if len(answer.content) > MOST_BYTES:
        return f"{len(answer.content)} bytes"
    sent = unquote(request.path) + request.body.decode(errors="replace")
    if LEAK.search(answer.text) and not LEAK.search(sent):
        return "an address or a path"
    if answer.headers.get("content-type") == "application/problem+json":
        return unnamed(answer.json()) if status in NAMED else None
    if request.path.startswith(OPENAI):
        return _unnamed(answer.json()["error"]) if status in NAMED_BY_OPENAI else None
    if request.path.startswith(MCP):
        return None if answer.json()["error"]["message"] else "no error is told"
    plain = ("/v2", "/_nicegui", "/docs")
    return None if request.path.startswith(plain) else "no problem document"


def unnamed(document: dict[str, Any]) -> str | None:
    """Return that a problem names no field, if so."""
    named = all(error["field"] and error["message"] for error in document["errors"])
    return None if document["errors"] and named else "no field is named"


def _unnamed(error: dict[str, Any]) -> str | None:
    """Return that an error in the form of OpenAI names no field, if so."""
    return None if error["param"] and error["message"] else "no field is named"


def statuses_of(document: dict[str, Any]) -> Documented:
    """Return the statuses that an OpenAPI document promises; 405 is none of theirs."""
    return {
        (method.upper(), path): {405, *map(int, operation["responses"])}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def document_of(client: httpx.Client) -> dict[str, Any]:
    """Return the OpenAPI document of a server."""
    document: dict[str, Any] = client.get("/openapi.json").raise_for_status().json()
    return document


def send(client: httpx.Client, requests: Iterable[Request]) -> Outcome:
    """Send requests one after the other."""
    outcome = Outcome()
    documented = statuses_of(document_of(client))
    for request in requests:
        headers = [*(JSON.items() if request.body else ()), *request.headers]
        sent = client.build_request(
            request.method, request.path, content=request.body or None, headers=dict(headers)
        )
        try:
            outcome.judge(request, client.send(sent), documented)
        except httpx.HTTPError as error:
            what = f"{request.method} {request.route} {request.changed}"
            outcome.statuses[0] += 1
            outcome.offences.append(f"{what}: {type(error).__name__}")
    return outcome


ICON: dict[str, Any] = {"model": "icons", "condition": {"label": 0}}


def handle_of(client: httpx.Client, body: dict[str, Any] = ICON) -> str:
    """Make a handle that requests can speak of."""
    kept = {**body, "rewind": {"keep": "all"}}
    made = client.post("/v1/generate", json=kept).raise_for_status().json()
    handle: str = made["samples"][0]["handle"]["id"]
    return handle


def attack(sound: Callable[[httpx.Client], list[Sound]], about: str | None) -> int:
    """Run a command that sends requests changed in each field, and then as they should be.

    Args:
        sound: Makes them, for a server.
        about: What the command says of itself.

    Returns:
        1 if an answer is wrong.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("url")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with httpx.Client(base_url=options.url, timeout=WAIT_S) as client:
        requests = sound(client)
        changed = chosen(requests, options.cases, options.seed)
        outcome = send(client, changed)
        plain = send(client, [each.request() for each in requests])
    found = dict(sorted(outcome.statuses.items()))
    largest = outcome.largest_refusal
    print(json.dumps({"cases": len(changed), "statuses": found, "largest refusal": largest}))
    print(json.dumps({"unchanged": dict(plain.statuses)}))
    offences = outcome.offences + plain.offences
    print(f"{len(offences)} offences", *offences[:200], sep="\n")
    return int(bool(offences))


def requests_of(client: httpx.Client) -> list[Sound]:
    """Sound requests of every route, of the models ``points`` and ``icons``."""
    return sound(handle_of(client))


if __name__ == "__main__":
    raise SystemExit(attack(requests_of, __doc__))
