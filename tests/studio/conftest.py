"""A server with the studio, and a browser that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from benchmarks.browser import chromium
from tests.installed import CLIENT, STUDIO, install
from tests.server.conftest import models_dir as models_dir
from tests.server.running import Server, serving

PATIENCE_MS = 60_000
DESK: ViewportSize = {"width": 1440, "height": 900}
BLANK = "about:blank"
SLOW_PICTURE = "GPU stall due to ReadPixels"
"""Said of pictures that a test takes of three dimensions."""

Colours = Literal["light", "dark"]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("studio") / "site", STUDIO, CLIENT)


@pytest.fixture(scope="session")
def server(models_dir: Path, installed: Path) -> Iterator[Server]:
    """A server with the studio, on closed-form models."""
    options = ("--studio", "--models-dir", str(models_dir), "--default-model", "icons")
    with serving(*options, plugins=installed) as running:
        yield running


@pytest.fixture
def start(models_dir: Path, installed: Path) -> Callable[..., object]:
    """Start a server of one's own."""

    @contextmanager
    def start(*options: str) -> Iterator[Server]:
        options = ("--studio", "--models-dir", str(models_dir), *options)
        with serving(*options, plugins=installed) as running:
            yield running

    return start


# Not for the session: while it is there, no other test may start an event loop. Those come first.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = [
            "--no-sandbox",
            # Software would do the work of a graphics card, in a process of its own.
            "--disable-gpu",
            # Three dimensions without one.
            "--enable-unsafe-swiftshader",
            # Names of other people, which lead to this machine, as any name can be made to.
            "--host-resolver-rules=MAP *.test 127.0.0.1",
            # What some browsers refuse by themselves; others do not.
            "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
        ]
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Page:
    """The tab that all visitors share: a new one would compile every script of the page again."""
    context = browser.new_context(viewport=DESK, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


class Visit:
    """What a visitor's browser did.

    ``complaints`` is what it said on its console, ``hosts`` where it went, and ``patient`` whether
    it may say that a server cannot be reached any more. It knows nothing of visitors before.
    """

    def __init__(self, tab: Page) -> None:
        self.context = tab.context
        self.patient = False
        self.complaints: list[str] = []
        self.hosts: set[str | None] = set()
        self._tab = tab
        self._others: list[Page] = []
        self._listeners: dict[Any, Callable[[Any], None]] = {
            "request": lambda request: self._went(request.url),
            "weberror": lambda error: self.complaints.append(str(error.error)),
            "console": lambda message: self._said(message.type, message.text),
        }
        for event, listener in self._listeners.items():
            self.context.on(event, listener)

    def open(self, url: str, colours: Colours = "light", size: ViewportSize = DESK) -> Page:
        """Go there, on such a screen; from the second time on in a tab of its own."""
        page = self._tab
        if page.url != BLANK:
            page = self.context.new_page()
            self._others.append(page)
        page.emulate_media(color_scheme=colours)
        page.set_viewport_size(size)
        page.goto(url)
        return page

    def close(self) -> None:
        """Leave, and leave nothing behind."""
        for page in self._others:
            page.close()
        if self._tab.url != BLANK:
            self._tab.evaluate("localStorage.clear(); sessionStorage.clear()")
        self._tab.goto(BLANK)
        self.context.unroute_all()
        self.context.clear_cookies()
        for event, listener in self._listeners.items():
            self.context.remove_listener(event, listener)

    def _went(self, url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob"):
            self.hosts.add(urlsplit(url).netloc)

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)


@pytest.fixture
def visit(tab: Page) -> Iterator[Visit]:
    """A visitor; whose browser must have nothing to complain about in the end."""
    visit = Visit(tab)
    yield visit
    visit.close()
    forgiven = [SLOW_PICTURE, *(["net::ERR_"] if visit.patient else [])]
    assert [one for one in visit.complaints if not any(words in one for words in forgiven)] == []


@pytest.fixture
def page(visit: Visit, server: Server) -> Page:
    """The page, ready."""
    page = visit.open(server.url)
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    return page
