"""Who is let in, who is not, and that the difference takes no time."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.engine.account import Limits
from sureflow_server.keys import ring as module
from sureflow_server.keys.accounts import Accounts
from sureflow_server.keys.file import KeyFileError, changing
from sureflow_server.keys.key import Key
from sureflow_server.keys.ring import KeyRing, RefusedKeyError
from sureflow_server.keys.token import digest, key_id, mint
from tests.server.conftest import add_key

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def refused(ring: KeyRing, token: str) -> str:
    with pytest.raises(RefusedKeyError) as caught:
        ring.authenticate(token)
    return str(caught.value)


def revoke(file: Path, token: str) -> None:
    with changing(file) as keys:
        place = next(place for place, key in enumerate(keys) if key.id == key_id(token))
        keys[place] = keys[place].model_copy(update={"revoked_at": NOW})


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = [mint() for _ in range(500)]
    assert len({token for _, token in tokens}) == len({name for name, _ in tokens}) == 500
    assert all(key_id(token) == name for name, token in tokens)
    secrets = "".join(token.rsplit("_", 1)[1] for _, token in tokens)
    assert len(set(secrets)) == 62
    assert all(len(token.rsplit("_", 1)[1]) == 43 for _, token in tokens)


def test_a_token_opens_its_own_key(file: Path) -> None:
    tokens = [add_key(file, "generate") for _ in range(3)]
    ring = KeyRing(file)
    assert [ring.authenticate(token).id for token in tokens] == [key_id(t) for t in tokens]


def test_the_reason_is_told_to_the_holder_alone(file: Path) -> None:
    expired = add_key(file, "generate", expires_at=NOW)
    revoked = add_key(file, "generate", revoked_at=NOW)
    ring = KeyRing(file, lambda: NOW)
    assert refused(ring, expired).endswith("is expired")
    assert refused(ring, revoked).endswith("is revoked")
    for token in (expired, revoked):
        assert refused(ring, token[:-1] + ("a" if token[-1] != "a" else "b")).endswith("unknown")


def test_a_key_expires_while_the_server_runs(file: Path) -> None:
    token = add_key(file, "generate", expires_at=NOW)
    clock = [NOW - timedelta(seconds=1)]
    ring = KeyRing(file, lambda: clock[0])
    ring.authenticate(token)
    clock[0] = NOW
    assert "expired" in refused(ring, token)


def test_every_refusal_compares_two_digests_once(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known id or not, token or not: the same work, and its length tells nothing."""
    token = add_key(file, "generate")
    ring = KeyRing(file)
    compared: list[tuple[int, int]] = []
    whole = module.compare_digest

    def spy(left: str, right: str) -> bool:
        compared.append((len(left), len(right)))
        return whole(left, right)

    monkeypatch.setattr(module, "compare_digest", spy)
    for wrong in (mint()[1], f"{token[:-1]}!", token[:-1], token[:20], "", "x" * 10_000):
        refused(ring, wrong)
    other = mint()[1].rsplit("_", 1)[1]
    refused(ring, f"{token.rsplit('_', 1)[0]}_{other}")
    ring.authenticate(token)
    assert compared == [(71, 71)] * 8


def test_what_stands_for_nobody_lets_nobody_in(file: Path) -> None:
    add_key(file, "generate")
    refused(KeyRing(file), "")


@given(st.text() | st.from_regex(r"sf_[a-z0-9]{12}_[A-Za-z0-9]{43}", fullmatch=True))
def test_no_other_text_opens_anything(token: str) -> None:
    ring = object.__new__(KeyRing)
    key = Key.model_validate(
        {
            "id": "a" * 12,
            "name": "Ann",
            "scopes": ["generate"],
            "digest": digest(mint()[1]),
            "created_at": NOW,
        }
    )
    ring._path, ring._stamp, ring._now = Path("/nowhere"), None, lambda: NOW
    ring._keys = {key.id: key}
    refused(ring, token)
    refused(ring, f"sf_{key.id}_{token[16:]}")


def test_changes_of_the_file_are_noticed(file: Path) -> None:
    first = add_key(file, "generate")
    ring = KeyRing(file)
    second = add_key(file, "generate")
    ring.authenticate(second)
    revoke(file, first)
    assert "revoked" in refused(ring, first)
    ring.authenticate(second)


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"version": 1, "keys": [{}]}'])
def test_an_unreadable_file_changes_nothing_and_is_logged_once(
    file: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    token = add_key(file, "generate")
    withdrawn = add_key(file, "generate", revoked_at=NOW)
    good = file.read_bytes()
    ring = KeyRing(file)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    for _ in range(3):
        ring.authenticate(token)
        assert "revoked" in refused(ring, withdrawn)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    file.write_bytes(good)
    revoke(file, token)
    assert "revoked" in refused(ring, token)


def test_a_ring_without_a_file_does_not_come_to_be(file: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        KeyRing(file)


def test_accounts_keep_what_is_in_flight_and_take_the_limits_of_now(file: Path) -> None:
    add_key(file, "generate", max_samples_in_flight=3)
    with changing(file) as keys:
        (key,) = keys
    accounts = Accounts(Limits(samples_per_minute=7, max_samples_in_flight=9))
    account = accounts.of(key)
    assert account.limits == Limits(7, 3)
    account.enter(2)
    wider = key.model_copy(update={"max_samples_in_flight": 5, "samples_per_minute": 1.0})
    assert accounts.of(wider) is account
    assert (account.limits, account.in_flight) == (Limits(1, 5), 2)
    assert accounts.of(key.model_copy(update={"id": "b" * 12})) is not account
