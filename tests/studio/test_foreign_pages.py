"""What pages of other origins can make of a visitor's browser, in a browser, at all routes.

The pages try each way to send a request that a browser knows; afterwards all is as before.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from sureflow_server.api.access import ACCESS
from tests.server.running import Server, eventually, workers

ATTEMPT = Path(__file__).with_name("foreign_pages.js").read_text()
BLANK_PAGE = "<!doctype html><title>A page</title><body></body>"
SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport="
QUERY = {"/v1/verdicts": "?model=points", "/v1/models/{}/review": "?limit=1"}
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of another server on this machine, whose pages are in nobody's favour."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            if self.path == "/sandboxed":
                self.send_header("Content-Security-Policy", "sandbox allow-scripts allow-forms")
            self.end_headers()
            self.wfile.write(BLANK_PAGE.encode())

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    """A tab that no test before has used."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def made(server: Server) -> tuple[str, str]:
    """Make a handle and a job, both of which a page could discard; return their ids."""
    (sample,) = server.generate(model="points", rewind={"keep": "commit"})["samples"]
    job = server.client.post("/v1/generate", json={"model": "points"}, headers=ASYNC).json()["id"]
    eventually(lambda: server.client.get(f"/v1/jobs/{job}").json()["state"] == "completed")
    return sample["handle"]["id"], job


def attempts(handle: str, job: str) -> list[tuple[str, str, str]]:
    """Method, path and body for every route of the API, and those of the page."""
    documents = [("GET", "/openapi.json"), ("GET", "/docs")]
    studio = [("GET", "/"), *(("GET", SOCKET + kind) for kind in ("polling", "websocket"))]
    studio += [("POST", SOCKET + "polling"), ("POST", "/_nicegui/client")]
    found = []
    for method, path in [*ACCESS, *documents, *studio]:
        model = "icons" if "review" in path else "points"
        id = job if "/jobs/" in path else handle if "/handles/" in path else model
        filled = re.sub("{}", lambda _, id=id: id, path, count=1)  # type: ignore[misc]
        body: dict[str, Any] = {"model": "points"}
        if "edit" in path:
            body = {"handle": handle, "at": "commit"}
        if "verdicts" in path:
            body = {"verdicts": [{"handle": handle, "verdict": "bad"}]}
        found.append((method, filled.replace("{}", "1") + QUERY.get(path, ""), json.dumps(body)))
    return found


def state(server: Server) -> dict[str, Any]:
    """All that a request could change."""
    lists = ("/v1/models", "/v1/handles", "/v1/jobs")
    return {
        **{path: server.client.get(path).json() for path in lists},
        "verdicts": server.client.get("/v1/verdicts?model=points").text,
        "worker": workers(server.process.pid),
        "requests": server.metric("sureflow_requests_total"),
        "loads": server.metric("sureflow_model_loads_total"),
    }


def refused(server: Server, kind: str) -> float:
    return server.metric("sureflow_requests_rejected_total", reason=kind)


def test_the_routes_are_all_there_are(server: Server) -> None:
    """Those of the document are among those that are tried."""
    paths = server.client.get("/openapi.json").json()["paths"]
    live = {(m.upper(), re.sub("{.*?}", "{}", path)) for path, each in paths.items() for m in each}
    assert len(live) > 15
    assert live <= set(ACCESS)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        pytest.param("evil.test", "/", id="another site"),
        pytest.param("127.0.0.1", "/", id="another port", marks=pytest.mark.slow),
        pytest.param("127.0.0.1", "/sandboxed", id="no origin", marks=pytest.mark.slow),
    ],
)
def test_a_page_of_another_origin_changes_and_learns_nothing(
    stranger: Page, server: Server, elsewhere: int, host: str, path: str
) -> None:
    handle, job = made(server)
    before, counted = state(server), refused(server, "foreign-origin")
    stranger.goto(f"http://{host}:{elsewhere}{path}")
    tried = [(m, server.url + route, body) for m, route, body in attempts(handle, job)]
    answer = stranger.evaluate(ATTEMPT, tried)
    assert answer["seen"] == []
    assert answer["simple"] > 150
    assert refused(server, "foreign-origin") >= counted + answer["simple"]
    assert state(server) == before


def test_a_link_from_elsewhere_leads_to_the_page(
    stranger: Page, server: Server, elsewhere: int
) -> None:
    stranger.goto(f"http://evil.test:{elsewhere}/")
    stranger.evaluate("url => { location.href = url }", server.url)
    expect(stranger.get_by_role("button", name="Generate")).to_be_visible()


def own_page(tab: Page, origin: str) -> None:
    """Go to a page of this origin that is not the server's: it came before the name led here."""
    tab.route(
        f"{origin}/before", lambda route: route.fulfill(body=BLANK_PAGE, content_type="text/html")
    )
    tab.goto(f"{origin}/before")


STATUSES = """(asked) => Promise.all(asked.map(async ([method, path, body]) => {
  const headers = { "Content-Type": "application/json" };
  const options = method === "POST" ? { method, body, headers } : { method };
  return (await fetch(path, options)).status;
}))"""


def test_a_name_that_was_made_to_lead_here_gets_nothing(stranger: Page, server: Server) -> None:
    """Its pages are of the server's own origin, as browsers see it."""
    handle, job = made(server)
    before = state(server)
    origin = f"http://rebound.test:{urlsplit(server.url).port}"
    own_page(stranger, origin)
    tried = attempts(handle, job)
    assert set(stranger.evaluate(STATUSES, tried)) == {403}
    sockets = stranger.evaluate(ATTEMPT, [("GET", f"{origin}{SOCKET}websocket", "")])
    assert not [what for what, _, _ in sockets["seen"] if what == "socket"]
    answer = stranger.goto(f"{origin}/")
    assert answer is not None
    assert answer.status == 403
    assert "rebound.test" in answer.json()["detail"]
    assert state(server) == before


def test_the_servers_own_pages_may_do_the_same(stranger: Page, server: Server) -> None:
    """What is refused to others is not refused for another reason."""
    handle, job = made(server)
    own_page(stranger, server.url)
    tried = [each for each in attempts(handle, job) if "load" not in each[1]]
    reading = [each for each in tried if each[0] == "GET" and "nicegui" not in each[1]]
    making = [("POST", path, "{}") for path in ("/v1/generate", "/v2/models/points/infer")]
    discarding = [each for each in tried if each[0] == "DELETE"]
    assert len(discarding) == 2
    statuses = stranger.evaluate(STATUSES, [*reading, *making])
    tried = [path for _, path, _ in [*reading, *making]]
    failed = [path for path, status in zip(tried, statuses, strict=True) if status != 200]
    assert {path for path in failed if "versions/1" not in path} == set()  # there is none
    assert stranger.evaluate(STATUSES, discarding) == [204, 204]
