"""The page of the API's document."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urljoin

from tests.server.running import Server


def test_it_runs_its_own_scripts_alone(server: Server) -> None:
    response = server.client.get("/docs")
    policy = response.headers["content-security-policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    known = b64encode(sha256(script.encode()).digest()).decode()
    (sources,) = (rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert sources == f"script-src 'self' 'sha256-{known}'"


def test_all_that_it_loads_comes_from_the_server(server: Server) -> None:
    """By addresses that are relative, so that they hold below any prefix."""
    page = server.client.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) == 3
    assert "https://" not in page
    for address in [*loaded, *re.findall(r"url: '([^']+)'", page)]:
        assert not address.startswith("/")
        answer = server.client.get(urljoin("/docs", address))
        assert answer.status_code == 200
        assert len(answer.content) > 100


def test_a_slash_at_the_end_leads_to_it(server: Server) -> None:
    answer = server.client.get("/docs/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/docs")
