"""By which names a server may be reached, and whose pages may have a browser ask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sureflow_server.app import create_app
from sureflow_server.keys.file import changing
from sureflow_server.settings import Settings
from tests.server.api.test_headers import ask
from tests.server.conftest import Guarded
from tests.server.running import Server
from tests.server.test_protocol import END, send, statuses

LAB = "https://lab.example"
LOOPBACK = ("localhost", "LOCALHOST:8000", "localhost.", "a.localhost", "127.9.9.9:1", "[::1]:80")
STRANGE = (
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example@localhost",
    "localhost:8000:1",
    "2130706433",
    "0.0.0.0",
    "192.168.1.5",
    "[::2]",
    "[fe80::1%25lo]",
    "x y",
    "",
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    with changing(file):
        return file


def kind(settings: Settings, host: str, method: str = "GET", **headers: str) -> str:
    """The kind of problem that a request gets; without one, ``""``."""
    given = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = ask(create_app(settings), method, "/health/live", headers=given)
    if answer.status_code != 403:
        return ""
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 1000
    return str(answer.json()["type"]).rpartition(":")[2]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_has_names(host: str) -> None:
    assert kind(Settings(), host) == ""


@pytest.mark.parametrize("host", STRANGE)
def test_others_are_refused_without_keys(host: str) -> None:
    assert kind(Settings(), host) == "foreign-host"
    assert kind(Settings(allowed_host=("lab.example",)), host, "OPTIONS") == "foreign-host"


def test_a_name_may_be_allowed() -> None:
    named = Settings(allowed_host=("lab.example", "192.168.1.5"))
    for host in ("lab.example", "Lab.Example.:443", "192.168.1.5:8000", *LOOPBACK):
        assert kind(named, host) == ""
    assert kind(named, "sub.lab.example") == "foreign-host"


def test_with_keys_names_are_free_unless_some_are_given(keys: Path) -> None:
    assert kind(Settings(api_keys_file=keys), "any.example") == ""
    named = Settings(api_keys_file=keys, allowed_host=("lab.example",))
    assert kind(named, "lab.example") == ""
    assert kind(named, "any.example") == "foreign-host"


def test_what_is_bound_publicly_has_addresses_and_its_own_name() -> None:
    """Nobody can make somebody else's address lead here."""
    for bound in ("0.0.0.0", "lab.example"):
        public = Settings(host=bound, allow_unauthenticated=True)
        for host in ("192.168.1.5:8000", "[2001:db8::1]", "localhost", bound):
            assert kind(public, host) == ""
        assert kind(public, "evil.example") == "foreign-host"


def test_a_name_is_given_once(server: Server) -> None:
    for hosts in (b"", b"Host: localhost\r\nHost: evil.example\r\n"):
        head = b"GET /health/live HTTP/1.1\r\n" + hosts + END
        assert statuses(send(server, head)) == [403]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"Origin": "http://localhost:8000"}, False),
        ({"Origin": "http://localhost:8000", "Sec_Fetch_Site": "same-origin"}, False),
        ({"Sec_Fetch_Site": "none"}, False),
        ({"Origin": LAB, "Sec_Fetch_Site": "cross-site"}, False),  # is allowed
        ({"Origin": "http://localhost:3000"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": f"{LAB}.evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Sec_Fetch_Site": "cross-site"}, True),
        ({"Sec_Fetch_Site": "same-site"}, True),
        ({"Sec_Fetch_Site": "what comes after"}, True),
        ({"Origin": "http://localhost:8000", "Sec_Fetch_Site": "cross-site"}, True),
    ],
    ids=str,
)
def test_browsers_say_whose_page_asks(headers: dict[str, str], foreign: bool, method: str) -> None:
    settings = Settings(allowed_origins=(LAB,))
    got = kind(settings, "localhost:8000", method, **headers)
    assert got == ("foreign-origin" if foreign else "")


def test_a_link_may_lead_here_but_a_form_and_a_frame_may_not() -> None:
    elsewhere = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    link = {**elsewhere, "Sec_Fetch_Dest": "document"}
    assert kind(Settings(), "localhost", **link) == ""
    assert kind(Settings(), "localhost", "POST", **link) == "foreign-origin"
    assert kind(Settings(), "localhost", **elsewhere, Sec_Fetch_Dest="iframe") == "foreign-origin"


def test_keys_change_nothing_about_pages(guarded: Guarded) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = guarded.request(
        "POST", "/v1/generate", guarded.tokens["all"], json={}, headers=headers
    )
    assert answer.json()["type"] == "urn:sureflow:problem:foreign-origin"
    inference = guarded.request("POST", "/v2/models/points/infer", None, json={}, headers=headers)
    assert (inference.status_code, [*inference.json()]) == (403, ["error"])
