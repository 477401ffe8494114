"""The file of keys: whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sureflow_server.keys.file import MAX_BYTES, KeyFileError, changing, read
from sureflow_server.keys.key import Key
from tests.server.conftest import add_key

GOOD: dict[str, Any] = {
    "id": "abcdefghijk1",
    "name": "Ann",
    "scopes": ["generate"],
    "digest": "sha256:" + "0" * 64,
    "created_at": "2026-01-01T00:00:00Z",
}


def written(path: Path, *keys: dict[str, Any], **fields: Any) -> Path:
    path.write_text(json.dumps({"version": 1, "keys": list(keys), **fields}))
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    token = add_key(file, "generate", "edit", samples_per_minute=3.5, max_samples_in_flight=2)
    (key,) = read(file)
    assert (key.scopes, key.samples_per_minute) == (("generate", "edit"), 3.5)
    assert key.max_samples_in_flight == 2
    secret = token.rsplit("_", 1)[1]
    assert secret not in file.read_text()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    add_key(file, "generate")
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    add_key(file, "generate")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b""), "EOF"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00{"), "Invalid JSON"),
        (lambda path: path.write_text('{"version": 1, "keys": ['), "Invalid JSON"),
        (lambda path: path.write_text("[" * 100_000), "Invalid JSON"),
        (lambda path: path.write_bytes(b" " * (MAX_BYTES + 1)), "bytes are no list"),
        (lambda path: written(path, version=2), "version: "),
        (lambda path: written(path, secrets=[]), "secrets: "),
        (lambda path: written(path, GOOD, GOOD), "same id"),
        (lambda path: written(path, {**GOOD, "scopes": []}), "keys.0.scopes: "),
        (lambda path: written(path, {**GOOD, "scopes": ["root"]}), "keys.0.scopes.0: "),
        (lambda path: written(path, {**GOOD, "digest": "sha256:0"}), "keys.0.digest: "),
        (lambda path: written(path, {**GOOD, "id": "../etc"}), "keys.0.id: "),
        (lambda path: written(path, {**GOOD, "expires_at": "soon"}), "keys.0.expires_at: "),
        (lambda path: written(path, {**GOOD, "expires_at": "2026-01-01T00:00"}), "timezone"),
        (lambda path: written(path, {**GOOD, "samples_per_minute": 0}), "samples_per_minute: "),
        (lambda path: written(path, GOOD).chmod(0o666), "everybody may write"),
    ],
)
def test_what_is_no_key_file_is_named(
    tmp_path: Path, write: Callable[[Path], Any], message: str
) -> None:
    path = tmp_path / "keys.json"
    write(path)
    with pytest.raises(KeyFileError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "0000" not in str(caught.value), "digests do not belong in messages"


def test_a_change_that_fails_leaves_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    add_key(file, "generate")
    before = file.read_bytes()
    with pytest.raises(ZeroDivisionError), changing(file) as keys:
        keys.pop(1 // 0)
    with pytest.raises(ValueError, match="same id"), changing(file) as keys:
        keys.append(keys[0])
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["keys.json"]


def test_a_corrupt_file_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("{")
    with pytest.raises(KeyFileError, match="Invalid JSON"):
        add_key(file, "generate")
    assert file.read_text() == "{"


def test_writers_wait_for_each_other_and_readers_see_whole_files(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    add_key(file, "generate")

    def write(_: int) -> None:
        add_key(file, "generate")

    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(write, number) for number in range(24)]
        counts = []
        while not all(task.done() for task in writing):
            counts.append(len(read(file)))
        for task in writing:
            task.result()
    assert counts == sorted(counts)
    assert len(read(file)) == 25


def test_a_key_knows_its_state() -> None:
    key = Key.model_validate({**GOOD, "expires_at": "2026-03-01T00:00:00Z"})
    assert key.state(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)) == "active"
    assert key.state(datetime(2026, 3, 1, tzinfo=UTC)) == "expired"
    gone = key.model_copy(update={"revoked_at": key.created_at})
    assert gone.state(datetime(2026, 1, 2, tzinfo=UTC)) == "revoked"
