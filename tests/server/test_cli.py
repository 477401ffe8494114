"""What the command ``sureflow`` says of itself, and of mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.main import get_command
from typer.testing import CliRunner

from sureflow import __version__
from sureflow.evaluation.realism import JUDGE
from sureflow.training import run
from sureflow_server.cli import OPTIONS, app
from sureflow_server.settings import Settings

ROOT = Path(__file__).parents[2]


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


def test_every_setting_is_an_option() -> None:
    assert OPTIONS.keys() == {*Settings.model_fields, "config"}


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


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SUREFLOW_PORT", "tcp://10.96.0.12:8000", "enableServiceLinks: false"),
        ("SUREFLOW_THREADS", "many", "valid integer"),
        ("SUREFLOW_PLUGINS", "my.module:Flow", "is not of the form"),
        ("SUREFLOW_TRUSTED_PROXY", "[", "Expecting"),
        ("SUREFLOW_ROOT_PATH", "a b", "is no path such as /sureflow"),
        ("Sureflow_Port", "tcp://10.96.0.12:8000", "enableServiceLinks: false"),
        ("SUREFLOW_HOST", "0.0.0.0", "is reachable from other machines"),
        ("SUREFLOW_HANDLE_TTL_S", "1e9", "is more than handle_max_ttl_s"),
    ],
)
def test_a_variable_that_does_not_fit_is_named_with_its_value(
    variable: str, value: str, said: str
) -> None:
    """Kubernetes sets the first one, of which only its type was said."""
    done = CliRunner().invoke(app, ["serve"], prog_name="sureflow", env={variable: value})
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"sureflow: {variable}={value}: " in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("port = 'x'", "port = 'x': Input should be a valid integer"),
        ("prot = 1", "prot = 1: "),
        ("host = '0.0.0.0'", "host = '0.0.0.0': 0.0.0.0 is reachable"),
        ("store = 3", "store = ...: "),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_its_value(
    written: str, shown: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(written)
    for words, variables in ((["--config", str(file)], {}), ([], {"SUREFLOW_CONFIG": str(file)})):
        done = CliRunner().invoke(app, ["serve", *words], env=variables)
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"sureflow: {file}: {shown}" in done.stderr
    done = CliRunner().invoke(app, ["serve"], env={"SUREFLOW_CONFIG": "absent.toml"})
    assert "sureflow: SUREFLOW_CONFIG: no such file: absent.toml" in done.stderr


def test_an_option_that_does_not_fit_is_not_taken_for_a_variable() -> None:
    environment = {"SUREFLOW_PORT": "8000"}
    done = CliRunner().invoke(app, ["serve", "--port", "99999"], env=environment)
    assert "sureflow: port: " in done.stderr


def test_the_version_is_told() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"sureflow {__version__}\n")


def test_a_trained_model_goes_beside_those_that_ship(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --out it was written over the embedded one."""
    written: list[Path] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "train", lambda _, folder, *rest: written.append(folder))
    monkeypatch.setattr(run, "fit", lambda folder, *rest: written.append(folder))
    for command in ("train", "fit"):
        config = str(ROOT / "models" / "configs" / "ring.toml")
        done = CliRunner().invoke(app, [command, config])
        assert done.exit_code == 0, done.stderr
    assert {folder.resolve() for folder in written} == {tmp_path / "sureflow-models" / "ring"}
    done = CliRunner().invoke(app, ["train", config, "-o", "mine"])
    assert (done.exit_code, written[-1]) == (0, Path("mine"))


def test_the_judge_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert JUDGE.is_file()
    assert Path(__file__).parents[2] / "models" / "judges" / JUDGE.name == JUDGE


def takes_device(command: Any, *names: str) -> bool:
    """Whether a command has the option."""
    for name in names:
        command = command.commands[name]
    return any("--device" in option.opts for option in command.params)


NEEDED: dict[str, list[str]] = {
    "import": ["nothing", "--name", "x"],
    "evaluate": [],
    "judge": [],
    "serve": [],
}
COMPUTES = [names for names in ALL if takes_device(get_command(app), *names)]


def test_every_command_that_computes_takes_a_device() -> None:
    reads = {("inspect",), ("models",), *(names for names in ALL if names[0] == "keys")}
    assert {*COMPUTES} == {*ALL} - reads


@pytest.mark.skipif(torch.backends.cuda.is_built(), reason="needs a build of torch for CPUs")
@pytest.mark.parametrize("names", COMPUTES, ids=" ".join)
def test_a_device_that_this_build_has_not_gets_one_sentence(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    words = [*names, *NEEDED.get(names[0], ["ring"]), "--device", "cuda:1"]
    if names == ("serve",):
        words += ["--port", "0", "--data-dir", str(tmp_path)]
        command = [sys.executable, "-m", "sureflow_server.cli", *words]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        code, out, said = ended.returncode, ended.stdout, ended.stderr
    else:
        done = CliRunner().invoke(app, words, prog_name="sureflow")
        code, out, said = done.exit_code, done.stdout, done.stderr
    assert (code, out) == (1, "")
    *before, line = said.splitlines()  # a server says first what it loads
    assert not any("device" in each for each in before)
    assert re.match(r"(error|sureflow): device: cuda:1 needs torch for GPUs, and", line)
    assert line.endswith("(docs/gpu.md), or choose cpu")


@pytest.mark.parametrize("names", COMPUTES, ids=" ".join)
def test_devices_that_nobody_knows_are_named(names: tuple[str, ...]) -> None:
    words = [*names, *NEEDED.get(names[0], ["ring"]), "--device", "gpu"]
    done = CliRunner().invoke(app, words, prog_name="sureflow")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.split(": ", 1)[1] == (
        "device: 'gpu' is unknown; choose cpu, cuda, or cuda:1 and so on\n"
    )
