"""What surrounds the panels: offline, safe, in both colours, on small screens, to the end."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256

import pytest
from playwright.sync_api import Page, expect

from sureflow_server.protocol import HEAD_S
from tests.server.running import Server
from tests.studio.acting import generate, open_sample, rewind
from tests.studio.conftest import Colours, Visit

Start = Callable[..., AbstractContextManager[Server]]
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)


def test_nothing_comes_from_elsewhere(visit: Visit, server: Server) -> None:
    """With the network cut off but for the server itself, everything is there."""
    host = server.url.removeprefix("http://")
    visit.context.route(
        lambda url: not url.startswith((server.url, "data:", "blob:")), lambda route: route.abort()
    )
    page = visit.open(server.url)
    generate(page, 2)
    open_sample(page)
    rewind(page)
    page.evaluate("document.fonts.ready")
    assert page.evaluate("document.fonts.check('16px Material Icons')")
    page.goto(f"{server.url}/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    assert visit.hosts == {host}


@pytest.mark.parametrize("system", ["light", "dark"])
def test_colours_follow_the_system_until_told(
    visit: Visit, server: Server, system: Colours
) -> None:
    page = visit.open(server.url, colours=system)

    def is_dark() -> bool:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        red, green, blue = (int(part) for part in re.findall(r"\d+", colour)[:3])
        return red + green + blue < 3 * 128

    button = page.get_by_role("button", name="Colours of the system")
    expect(button).to_be_visible()
    assert is_dark() == (system == "dark")
    button.click()
    expect(page.locator("body.body--dark")).to_be_visible()
    assert is_dark()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("body.body--light")).to_be_visible()
    assert not is_dark()


LUMINANCE = """(element) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = element;
  const clear = (colour) => parts(colour).length === 4 && parts(colour)[3] === 0;
  while (clear(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const pair = [light(getComputedStyle(element).color),
    light(getComputedStyle(behind).backgroundColor)].sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05);
}"""


@pytest.mark.parametrize("system", ["light", "dark"])
def test_text_stands_out(visit: Visit, server: Server, system: Colours) -> None:
    """4.5 to 1 at least, as the guidelines for accessible pages have it."""
    page = visit.open(server.url, colours=system)
    generate(page, 2)
    everywhere = (
        ".panel-title, .soft, .field-name, .card-words > *, .risk-said, .review-said, .main, .facts"
    )
    shown = [one for one in page.locator(everywhere).all() if one.is_visible()]
    assert len(shown) > 10
    assert min(one.evaluate(LUMINANCE) for one in shown) >= 4.5


def test_a_phone_needs_no_scrolling_sideways(visit: Visit, server: Server) -> None:
    page = visit.open(server.url, size={"width": 390, "height": 844})

    def overflow() -> int:
        spare: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return spare

    generate(page, 6)
    assert overflow() <= 0
    open_sample(page)
    rewind(page)
    assert overflow() <= 0


def test_before_the_first_sample(page: Page) -> None:
    expect(page.get_by_text("No samples yet")).to_be_visible()
    expect(page.locator(".risk-note")).to_contain_text("Generate samples to see")


def test_the_page_runs_its_own_scripts_alone(server: Server) -> None:
    response = server.client.get("/", headers={"Accept": "text/html"})
    assert response.status_code == 200
    policy = dict(
        rule.partition(" ")[::2] for rule in response.headers["content-security-policy"].split("; ")
    )
    hashes = [
        b64encode(sha256(one.encode()).digest()).decode() for one in INLINE.findall(response.text)
    ]
    assert policy["script-src"].split() == [
        "'self'",
        "'unsafe-eval'",
        *(f"'sha256-{value}'" for value in hashes),
    ]
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in response.headers


def test_no_header_writes_into_the_page(server: Server) -> None:
    forged = '"</script><script>forged()</script>'
    response = server.client.get("/", headers={"X-Forwarded-Prefix": forged})
    assert "forged" not in response.text


SOCKET = {"EIO": "4", "transport": "polling"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize("path", ["/", "/_nicegui_ws/socket.io/"])
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"],
)
def test_other_origins_are_refused(server: Server, path: str, origin: str) -> None:
    response = server.client.get(path, params=SOCKET, headers={"Origin": origin})
    assert response.status_code == 403


def test_the_socket_opens_for_its_own_page_alone(server: Server) -> None:
    path, query = "/_nicegui_ws/socket.io/", {"EIO": "4", "transport": "websocket"}
    foreign = {**UPGRADE, "Origin": "https://evil.example"}
    assert server.client.get(path, params=query, headers=foreign).status_code == 403
    own = {**UPGRADE, "Origin": server.url}
    with server.client.stream("GET", path, params=query, headers=own) as response:
        assert response.status_code == 101


def test_the_api_answers_as_without_it(server: Server) -> None:
    client = server.client
    for method, path, status in [
        ("GET", "/nowhere", 404),
        ("PUT", "/v1/generate", 405),
        ("POST", "/v1/generate/", 415),
        ("GET", "/v1/models/absent", 404),
    ]:
        response = client.request(method, path)
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
    for path in ("/docs", "/health/live", "/health/ready", "/metrics", "/v2", "/v1/models"):
        assert client.get(path).status_code == 200
    paths = client.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if path == "/" or "nicegui" in path]


@pytest.mark.slow
def test_a_server_without_models_says_so(visit: Visit, start: Start) -> None:
    with start("--default-model", "icons") as server:
        page = visit.open(server.url)
        expect(page.get_by_role("button", name="Generate")).to_be_visible()
        for name in ("icons", "points"):
            assert server.client.post(f"/v1/models/{name}/unload").status_code == 200
        page.reload()
        expect(page.get_by_text("No model is loaded")).to_be_visible()
        assert server.client.post("/v1/models/points/load").status_code == 200
        page.get_by_role("button", name="Look again").click()
        generate(page, 1)
        visit.patient = True


@pytest.mark.slow
def test_a_page_may_stay_open(page: Page) -> None:
    """Longer than a request may take to arrive."""
    generate(page, 1, seed=1)
    page.wait_for_timeout(1000 * (HEAD_S + 3))
    expect(page.get_by_text("Connection lost.")).to_be_hidden()
    generate(page, 2, seed=2)
