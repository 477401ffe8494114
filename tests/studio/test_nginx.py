"""The studio below /sureflow/ of a real nginx, its sockets included."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.deploy.nginx import PREFIX, needs_nginx, nginx
from tests.server.running import serving
from tests.studio.acting import generate, open_sample
from tests.studio.conftest import Visit

pytestmark = [pytest.mark.slow, needs_nginx]


def test_the_studio_works_behind_nginx(visit: Visit, models_dir: Path, installed: Path) -> None:
    options = ("--studio", "--models-dir", str(models_dir), "--default-model", "icons")
    options = (*options, "--root-path", PREFIX, "--trusted-proxy", "127.0.0.1")
    asked: list[str] = []
    sockets: list[str] = []
    visit.context.on("request", lambda request: asked.append(urlsplit(request.url).path))
    with (
        serving(*options, plugins=installed) as server,
        nginx(urlsplit(server.url).netloc) as url,
    ):
        page = visit.open("about:blank")
        page.on("websocket", lambda socket: sockets.append(urlsplit(socket.url).path))
        page.goto(f"{url}/")
        generate(page, 2)
        open_sample(page)
        expect(page.get_by_role("slider", name="Time")).to_be_visible()
        page.reload()
        expect(page.locator(".stage img")).to_be_visible()
        page.goto(f"{url}/docs")
        expect(page.locator(".opblock").first).to_be_visible()
        page.goto("about:blank")
    assert sockets
    paths = [path for path in (*asked, *sockets) if path != "blank"]
    assert {path.startswith(f"{PREFIX}/") for path in paths} == {True}
    assert visit.hosts == {urlsplit(url).netloc}
