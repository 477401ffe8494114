"""Runs the blocks of a document as a reader would, in a folder that looks like the repository."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from documents.outside import ROOT
from tests.documents.blocks import RUN, Block, blocks
from tests.documents.outputs import same
from tests.server.running import PATIENCE_S, SERVING, data_folder

HERE = re.compile(r"(?:127\.0\.0\.1|localhost):8000")
SERVE = re.compile(r"^\S*sureflow serve\b.*$", re.MULTILINE)


class Reader:
    """Somebody who types what a document says, from its beginning.

    Args:
        folder: An empty folder. What is in the repository is in it, and ``.venv``.
        url: The server that documents speak of.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.said, self.all_said = "", ""
        self._data = data_folder()
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._servers = ExitStack()
        for path in ROOT.iterdir():
            if path.name not in (".git", ".venv", "site", "runs"):
                (folder / path.name).symlink_to(path)
        (folder / ".venv").symlink_to(sys.prefix)

    def read(self, block: Block) -> None:
        """Do what a block says."""
        if block.mark == "file":
            (self.folder / block.said).write_text(block.text)
        elif block.language == "python":
            self._run(block)
        elif block.language == "sh":
            self._type(block)

    def saw(self, block: Block) -> bool:
        """Whether the last block printed this, be it with or without what goes to errors."""
        roughly = block.mark == "about"
        said = (self.said, self.all_said)
        return any(same(block.text, each, roughly=roughly) for each in said)

    def close(self) -> None:
        """End the servers that were started, and leave nothing open or imported."""
        for one in self._names.values():
            close = getattr(one, "close", None)
            if callable(close) and not isinstance(one, type | ModuleType):
                close()
        for name, module in [*sys.modules.items()]:
            if str(getattr(module, "__file__", "")).startswith(str(self.folder)):
                del sys.modules[name]
        self._names.clear()
        gc.collect()  # what a reader leaves open is closed here, and in no later test
        self._servers.close()

    def _run(self, block: Block) -> None:
        text = "\n" * (block.line - 1) + self._here(block.text)
        with ExitStack() as here:
            here.enter_context(chdir(self.folder))
            here.enter_context(pytest.MonkeyPatch.context()).syspath_prepend(self.folder)
            printed = here.enter_context(redirect_stdout(StringIO()))
            exec(compile(text, block.place, "exec"), self._names)
        self.said = self.all_said = printed.getvalue()

    def _type(self, block: Block) -> None:
        text = self._here(block.text).replace("\\\n", " ")
        served = SERVE.search(text)
        self._shell(text[: served.start()] if served else text, block.place)
        if served:
            self.url = self._servers.enter_context(self._serving(served[0], block.place))

    def _shell(self, text: str, place: str) -> None:
        script = f"set -euo pipefail\nset -a\n{self._remember()}\n{text}\nexport -p > .shell"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 5,
            check=False,
        )
        self.said, self.all_said = done.stdout, done.stdout + done.stderr
        assert done.returncode == 0, f"{place}: exit code {done.returncode}\n{self.all_said}"

    def _remember(self) -> str:
        """What gives a shell the variables of the one before."""
        return f"[ ! -e .shell ] || . ./.shell; export SUREFLOW_URL={self.url}"

    @contextmanager
    def _serving(self, command: str, place: str) -> Iterator[str]:
        """Start a server that a block starts, at any free port, and yield its address."""
        script = f"set -a\n{self._remember()}\nexec {command}"
        environment = self._environment() | {
            "SUREFLOW_PORT": "0",
            "SUREFLOW_STUDIO": "false",
            "SUREFLOW_DATA_DIR": self._data,
        }
        with subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            log: list[str] = []
            for line in process.stdout or ():
                log.append(line)
                if SERVING.search(line):
                    break
            try:
                found = SERVING.search("".join(log))
                assert found is not None, f"{place}: no server\n{''.join(log)}"
                yield found[1].replace("0.0.0.0", "127.0.0.1")
            finally:
                process.terminate()
                process.communicate()

    def _here(self, text: str) -> str:
        """Return a text that means the server of the tests."""
        return HERE.sub(self.url.removeprefix("http://"), text)

    def _environment(self) -> dict[str, str]:
        """What a reader has: nothing of `.venv` is on the path, as on a new machine."""
        paths = ("models", "server", "clients/python", "clients/studio")
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "PYTHONPATH": os.pathsep.join(str(ROOT / path) for path in paths),
            "OMP_NUM_THREADS": "1",
            "SUREFLOW_URL": self.url,
        }


def read(
    reader: Reader, page: str, wanted: Callable[[Block], bool], root: Path = ROOT
) -> Iterator[Block]:
    """Read the blocks that are wanted; yield each that says what the one before it prints."""
    ran = False
    for block in blocks(page, root):
        if block.language == "text" and block.mark in ("", "about"):
            if ran:
                yield block
            ran = False
        elif wanted(block):
            reader.read(block)
            ran = block.language in RUN and block.mark != "file"
        else:
            ran = False
