"""Makes the blocking client of the asynchronous one: ``make twins``.

``sureflow_client/_async`` is written by hand; every file of ``sureflow_client/_sync`` is generated
from the file of the same name there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from unasync import Rule, unasync_files  # type: ignore[import-untyped]

PACKAGE = Path(__file__).parent / "sureflow_client"
WRITTEN, GENERATED = PACKAGE / "_async", PACKAGE / "_sync"

NAMES = {
    "AsyncBaseTransport": "BaseTransport",
    "AsyncClient": "Client",
    "AsyncConnection": "Connection",
    "AsyncJobs": "Jobs",
    "AsyncPool": "Pool",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_sse": "iter_sse",
    "anyio": "time",
    "aread": "read",
    "current_time": "monotonic",
    "running_loop": "no_loop",
}
"""What a name of asynchronous code is called in blocking code, besides what unasync knows."""

GENERATOR = re.compile(r"((?:-> |, )Generator\[.*?, None)\]")
"""A blocking generator has a third type, that of what it returns."""


def generate(folder: Path) -> None:
    """Write the blocking twin of every asynchronous file into a folder."""
    for file in sorted(WRITTEN.glob("*.py")):
        unasync_files([str(file)], [Rule(f"{WRITTEN}/", f"{folder}/", NAMES)])
        twin = folder / file.name
        header = f"# Generated from _async/{file.name} by `make twins`: edit that file, not this.\n"
        code = GENERATOR.sub(r"\1, None]", header + twin.read_text())
        twin.write_text(_tidy(code, GENERATED / file.name))


def _tidy(code: str, file: Path) -> str:
    """Return code as the project's linter and formatter want it in a file."""
    for command in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(file), "-"]
        code = subprocess.run(ruff, input=code, text=True, capture_output=True, check=True).stdout
    return code


if __name__ == "__main__":
    generate(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else GENERATED)
