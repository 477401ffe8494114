"""The way to a server: addresses, keys, proxies and event loops, and what is said of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest

from sureflow_client import (
    APIConnectionError,
    AsyncClient,
    Client,
    InvalidArgument,
    Retry,
    SureflowError,
)
from sureflow_client._cli.main import main
from sureflow_client._environment import CERTIFICATES, DIRECT, PROXIES
from tests.commands import invoke

Connect = Callable[..., Client]
SECRET = "sf_id_deepsecret"
BOTH = pytest.mark.parametrize("kind", [Client, AsyncClient])


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, DIRECT, *CERTIFICATES, "SUREFLOW_API_KEY"):
        for variable in (name, name.upper()):
            monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def nobody() -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("key", [f"{SECRET}\n", f" {SECRET}", f"{SECRET}\r\n"])
def test_blanks_around_a_key_do_not_matter(
    key: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(200, json={"models": []})

    monkeypatch.setenv("SUREFLOW_API_KEY", key)
    for given in (None, key):
        connect("http://host", api_key=given, transport=httpx.MockTransport(handler)).models()
    assert seen == [f"Bearer {SECRET}"] * 2


@BOTH
@pytest.mark.parametrize("key", [f"{SECRET} b", f"{SECRET}\nX: y", f"{SECRET}é", f"{SECRET}\0"])
def test_a_key_that_cannot_be_is_not_shown(
    kind: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidArgument, match=r"^api_key: ") as raised:
        kind(api_key=key)
    assert "secret" not in str(raised.value)
    with pytest.raises(InvalidArgument, match=r"^headers: the value of X-Key ") as raised:
        kind(headers={"X-Key": f"{key}\n\n{key}é"})
    assert "secret" not in str(raised.value)
    if "\0" not in key:
        monkeypatch.setenv("SUREFLOW_API_KEY", key)
        with pytest.raises(InvalidArgument, match=r"^SUREFLOW_API_KEY: "):
            kind()
        done = invoke(main, "models", SUREFLOW_API_KEY=key)
        assert (done.returncode, "secret" in done.stderr) == (2, False)
        assert "SUREFLOW_API_KEY" in done.stderr or "api_key" in done.stderr


@BOTH
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://::1:8000", "brackets"),
        ("http://host:abc", "Invalid port"),
        ("http://host:99999", "ports are 1 to 65535"),
        ("localhost:8000", "http://HOST:PORT"),
        ("ftp://host", "http://HOST:PORT"),
        ("", "http://HOST:PORT"),
        ("http://a..b", "no host has a name with such a part"),
        ("http://xn--", "no host has a name with such a part"),
        (f"http://{64 * 'a'}.example:8000", "no host has a name with such a part"),
        ("http://host?x=1", "leave out"),
        (f"http://me:{SECRET}@host:abc", "as %23 and %2F"),
        *((f"http://me:secret{sign}{SECRET}@host", "as %23 and %2F") for sign in "#/?"),
        (None, "http://HOST:PORT"),
    ],
)
def test_what_is_no_address_is_said(kind: Any, url: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as raised:
        kind(url)
    assert "secret" not in str(raised.value)
    if url:
        done = invoke(main, "--url", url, "models")
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_blanks_around_an_address_do_not_matter() -> None:
    assert Client(" http://host:1/below/\n").url == "http://host:1/below"


def test_a_password_in_an_address_is_not_shown(connect: Connect, nobody: str) -> None:
    url = f"http://me:{SECRET}@{nobody}"
    assert "secret" not in repr(Client(url))
    client = connect(url, retry=Retry(attempts=0))
    with pytest.raises(APIConnectionError) as raised:
        client.models()
    assert "secret" not in str(raised.value)
    assert nobody in str(raised.value)


@BOTH
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("no_proxy", "127.0.0.1,[::1]", r"\[::1\] is no host"),
        ("NO_PROXY", "localhost,fd00::/8", "fd00::/8 is no host"),
        ("http_proxy", f"http://me:{SECRET}@host:abc", "not the address of a proxy"),
        ("ALL_PROXY", f"what://me:{SECRET}@host", "not the address of a proxy"),
        ("all_proxy", "socks5://host:1", r"pip install 'httpx\[socks\]'"),
        ("HTTPS_PROXY", "http://host:99999", "not the address of a proxy"),
        ("http_proxy", "http://", "not the address of a proxy"),
        ("https_proxy", "a..b:3128", "not the address of a proxy"),
        ("http_proxy", f"http://me:{SECRET}@{64 * 'a'}:1", "not the address of a proxy"),
        ("SSLKEYLOGFILE", "/absent/keys", "nothing can be written"),
        ("SSL_CERT_FILE", "/absent.pem", "no certificates"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    kind: Any, variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were tracebacks of httpx, past the exit codes of the command, now or when used."""
    monkeypatch.setenv(variable, value)
    if variable.lower() == DIRECT:
        monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    with pytest.raises(InvalidArgument, match=f"^{variable}: .*{said}") as raised:
        kind()
    assert "secret" not in str(raised.value)
    done = invoke(main, "models")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert variable in done.stderr


def test_who_brings_a_transport_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the studio, which asks its own server."""
    monkeypatch.setenv("http_proxy", "http://host:abc")
    handler = httpx.MockTransport(lambda request: httpx.Response(200, json={"models": []}))
    assert Client("http://host", transport=handler).models() == ()


@BOTH
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": "soon"}, "timeout: 'soon' is no number of seconds"),
        ({"timeout": -1}, "timeout: -1 is no number of seconds"),
        ({"timeout": float("nan")}, "timeout: nan"),
        ({"headers": ["X-A: b"]}, "headers: they are a mapping"),
        ({"retry": 3}, "retry: a Retry says how often"),
    ],
)
def test_what_no_client_can_be_made_with_is_named(kind: Any, options: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        kind(**options)
    if "timeout" in options:
        with pytest.raises(InvalidArgument, match=said):
            kind().with_options(**options)


@pytest.mark.parametrize("timeout", [None, np.float32(5), 5, float("inf"), 1e300])
def test_timeouts_are_seconds_of_any_package(timeout: Any, server: str) -> None:
    with Client(server, timeout=timeout) as client:
        assert client.ready()
        assert client.with_options(timeout=timeout).models()


def test_a_proxy_that_is_used_is_named(
    connect: Connect, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://me:{SECRET}@{nobody}")
    client = connect("http://elsewhere.example", retry=Retry(attempts=0))
    with pytest.raises(APIConnectionError, match=f"through the proxy http://{nobody}") as raised:
        client.models()
    assert "secret" not in str(raised.value)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    direct = connect(f"http://{nobody}", retry=Retry(attempts=0))
    with pytest.raises(APIConnectionError) as raised:
        direct.models()
    assert "proxy" not in str(raised.value)


async def _asked(client: AsyncClient) -> tuple[str, ...]:
    both = await asyncio.gather(client.models(), client.models())
    return tuple(model.name for model in both[0])


def test_one_client_serves_several_event_loops(server: str) -> None:
    """The second one found its connections in a loop that was closed."""
    client = AsyncClient(server)
    assert asyncio.run(_asked(client)) == asyncio.run(_asked(client)) != ()
    assert not client._pool._clients, "what a loop has opened is closed with it"

    async def within() -> tuple[str, ...]:
        async with client as entered:
            return await _asked(entered)

    assert asyncio.run(within())
    with pytest.raises(SureflowError, match="closed"):
        asyncio.run(_asked(client))


def test_a_client_that_is_closed_says_so(connect: Connect) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(Client("http://host"))
    with pytest.raises(SureflowError, match="closed"):
        client.models()
