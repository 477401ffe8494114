"""``sureflow keys``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sureflow_server.cli import app
from sureflow_server.keys.file import read
from sureflow_server.keys.ring import KeyRing, RefusedKeyError

CREATE = ("create", "--name", "Ann", "--scope", "generate")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def run(file: Path, *arguments: str) -> Result:
    command, *rest = arguments
    options = ["keys", command, "--api-keys-file", str(file), *rest]
    return CliRunner().invoke(app, options, catch_exceptions=False)


def test_the_token_is_all_there_is_on_standard_output(file: Path) -> None:
    done = run(file, *CREATE, "--scope", "edit", "--expires", "90d", "--rate", "60")
    token = done.stdout.strip()
    key = KeyRing(file).authenticate(token)
    assert done.stdout == f"{token}\n"
    assert (key.name, key.scopes, key.samples_per_minute) == ("Ann", ("generate", "edit"), 60)
    assert key.expires_at == key.created_at + timedelta(days=90)


def test_the_list_shows_everything_but_secrets(file: Path) -> None:
    tokens = [run(file, *CREATE).stdout.strip() for _ in range(2)]
    run(file, *CREATE, "--expires", "2w", "--concurrency", "8")
    run(file, "revoke", read(file)[1].id)
    listed = run(file, "list").stdout
    head, *rows = listed.splitlines()
    assert head.split() == ["ID", "NAME", "SCOPES", "STATE", "EXPIRES", "RATE", "CONCURRENCY"]
    assert [row.split()[3] for row in rows] == ["active", "revoked", "active"]
    assert rows[2].split()[-1] == "8"
    for token in tokens:
        assert token.rsplit("_", 1)[1] not in listed
    assert "sha256" not in listed


def test_what_is_revoked_stays_so(file: Path) -> None:
    token = run(file, *CREATE).stdout.strip()
    (key,) = read(file)
    assert run(file, "revoke", key.id).exit_code == 0
    when = read(file)[0].revoked_at
    assert run(file, "revoke", key.id).exit_code == 0
    assert read(file)[0].revoked_at == when
    with pytest.raises(RefusedKeyError, match="revoked"):
        KeyRing(file).authenticate(token)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "--name", "", "--scope", "edit"), "name: "),
        (("create", "--name", "two\nlines", "--scope", "edit"), "name: "),
        (("create", "--name", "A", "--scope", "root"), "scopes.0: "),
        ((*CREATE, "--expires", "3 years"), "--expires: "),
        ((*CREATE, "--expires", "0d"), "--expires: "),
        ((*CREATE, "--rate", "0"), "samples_per_minute: "),
        ((*CREATE, "--rate", "nan"), "samples_per_minute: "),
        ((*CREATE, "--concurrency", "0"), "max_samples_in_flight: "),
        (("revoke", "abcdefghijk1"), "there is no key abcdefghijk1"),
        (("list",), "No such file"),
    ],
)
def test_what_is_wrong_is_one_line_and_no_file(
    file: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(file, *arguments)
    assert done.exit_code == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("sureflow: ")
    assert message in line
    assert not file.exists()


def test_the_file_may_come_from_the_environment(file: Path) -> None:
    environment = {"SUREFLOW_API_KEYS_FILE": str(file)}
    assert CliRunner().invoke(app, ["keys", *CREATE], env=environment).exit_code == 0
    assert len(read(file)) == 1
