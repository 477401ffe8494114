"""Who a request is from: the machine that sent it, or what a proxy says that was named."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from sureflow_server.address import in_both_forms, parsed
from sureflow_server.settings import Settings
from tests.server.running import Server
from tests.server.store.redis_server import RedisServer

HOSTILE = ("x y", "x\ty", "a b c d", "-" * 5000, "1.2.3.4 5.6.7.8", "é", "%s%n", "1.2.3.4:x y")


def asker(server: Server) -> Callable[..., int]:
    """Asks with one idempotency key; returns the seed that was drawn, which says whose answer
    it is."""
    key = uuid4().hex

    def ask(*forwarded: str) -> int:
        headers = [("Idempotency-Key", key)]
        headers += [("X-Forwarded-For", text.encode()) for text in forwarded]  # type: ignore[misc]
        response = server.client.post("/v1/generate", json={}, headers=headers)
        assert response.status_code == 200, response.text
        return int(response.json()["seed"])

    return ask


def test_nobody_is_believed_by_default(server: Server) -> None:
    """One machine is one owner, whatever it calls itself."""
    ask = asker(server)
    assert len({ask(), ask("203.0.113.7"), *map(ask, HOSTILE)}) == 1


def test_a_named_proxy_says_who_asks(behind: Server) -> None:
    ask = asker(behind)
    seven = ask("203.0.113.7")
    assert ask("203.0.113.8") != seven != ask()
    assert ask("203.0.113.8, 203.0.113.7") == seven, "the proxy's own word is the last one"
    assert ask("203.0.113.8", "203.0.113.7") == seven
    assert ask("203.0.113.7, 127.0.0.1") == seven, "a proxy behind a proxy"
    assert ask("203.0.113.7:4711") == ask("::ffff:203.0.113.7") == seven


def test_what_is_no_address_is_no_owner(behind: Server, redis: RedisServer) -> None:
    """So much is kept that the oldest has to go, for which Redis looks for owners in its keys."""
    ask = asker(behind)
    assert len({*map(ask, HOSTILE)}) == 1
    for _ in range(30):
        asker(behind)("x y")
    with redis.client() as client:
        assert client.ping()
        owners = {each.decode() for each in client.zrange("sureflow:replays:owners", 0, -1)}
        assert client.get("sureflow:replays:total")
    assert owners <= {"", "203.0.113.7", "203.0.113.8", "127.0.0.1"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%x y", "fe80::1"),
        *((text, None) for text in ("", "x y", "localhost", "1.2.3", "1.2.3.4:5", "[::1]")),
    ],
)
def test_addresses_are_numbers(text: str, address: str | None) -> None:
    found = parsed(text)
    assert (found and str(found)) == address


def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREFLOW_TRUSTED_PROXY", "10.0.0.1, fd00::/8")
    first, second = Settings().trusted_proxy
    assert in_both_forms(first) == ["10.0.0.1/32", "::ffff:10.0.0.1/128"]
    assert in_both_forms(second) == ["fd00::/8"]
    monkeypatch.setenv("SUREFLOW_TRUSTED_PROXY", '["10.0.0.0/8"]')
    assert [str(network) for network in Settings().trusted_proxy] == ["10.0.0.0/8"]
    for wrong in ("*", "proxy.example", "10.0.0.1/8", "x y", "["):
        with pytest.raises(ValueError, match="trusted_proxy"):
            Settings(trusted_proxy=(wrong,))  # type: ignore[arg-type]
