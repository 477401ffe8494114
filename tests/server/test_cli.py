"""What the command ``sureflow`` says of itself, and of mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sureflow_server.cli import app


def commands(command: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """The names of all commands; of groups, those of their commands."""
    inner = getattr(command, "commands", {})
    for name, one in inner.items():
        yield from commands(one, *names, name)
    if not inner:
        yield names


ALL = list(commands(get_command(app)))


def test_the_commands_are_there() -> None:
    named = {("serve",), ("train",), ("fit",), ("calibrate",), ("models",), ("inspect",)}
    assert named | {("keys", "create"), ("keys", "list"), ("keys", "revoke")} <= set(ALL)


@pytest.mark.parametrize("names", ALL, ids=" ".join)
def test_help_has_examples(names: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*names, "--help"], prog_name="sureflow")
    assert done.exit_code == 0
    assert f"sureflow {' '.join(names)}" in done.stdout.partition("Examples:")[2]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_learn_to_complete(shell: str) -> None:
    environment = {"_SUREFLOW_COMPLETE": f"source_{shell}"}
    done = CliRunner().invoke(app, [], prog_name="sureflow", env=environment)
    assert f"complete_{shell}" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("serv",), 2, "Did you mean 'serve'"),
        (("serve", "--prot", "1"), 2, "--port"),
        (("serve", "--port", "99999"), 1, "port: Input should be less than or equal to 65535"),
        (("serve", "--config", "absent.toml"), 1, "no such file: absent.toml"),
        (("serve", "--plugin", "my.module:Flow"), 1, "plugins: 'my.module:Flow' is not of"),
        (("train", "absent.toml"), 1, "absent.toml"),
        (("fit", "absent.toml"), 1, "absent.toml"),
        (("calibrate", "absent"), 1, "absent"),
        (("grid", "absent"), 1, "absent"),
        (("inspect", "fashio"), 1, "fashion"),
        (("inspect", "ring", "--plugin", "x"), 1, "name=package.module:factory"),
        (("models", "absent"), 1, "absent"),
        (("keys", "list", "--api-keys-file", "absent.json"), 1, "absent.json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_are_named(
    words: tuple[str, ...],
    code: int,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*words], prog_name="sureflow", env={"COLUMNS": "120"})
    assert (done.exit_code, done.stdout) == (code, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr
