"""How the command was called is how those that it prints can be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sureflow.cli.app import typed


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The command, installed in a folder of its own."""
    file = tmp_path / "bin" / "sureflow"
    file.parent.mkdir()
    file.touch(mode=0o755)
    return file


def test_a_command_off_the_path_is_named_as_it_was(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", ["bin/sureflow", "import"])
    assert typed() == "bin/sureflow"


def test_a_command_on_the_path_is_named_alone(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.setattr(sys, "argv", [str(script), "import"])
    assert typed() == "sureflow"


def test_a_module_is_named_as_the_command_that_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/anywhere/sureflow/__main__.py", "import"])
    assert typed() == "sureflow"
