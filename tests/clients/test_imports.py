"""The client stands alone: it needs neither torch nor the server's code, and little of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "clients" / "python"
SLOW = ("torch", "sureflow", "sureflow_server", "tqdm", "typer", "prometheus_client", "matplotlib")
"""What the import of the client must not load; the last four are for the command and the bar."""

LOADED = f"""
import sys
import sureflow_client
print(sureflow_client.__file__)
print([name for name in {SLOW} if name in sys.modules])
"""
COST = """
import time
{before}
begun = time.process_time()
{timed}
print(time.process_time() - begun)
"""
NEEDED = "import anyio, httpx, httpx_sse, numpy, numpy.typing, pydantic, PIL.Image, PIL.ImageFont"
REPEATS = 3


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_import_loads_no_torch_and_no_server_code() -> None:
    file, loaded = python(LOADED).splitlines()
    assert Path(file).parent == PACKAGE / "sureflow_client"
    assert loaded == "[]"


@pytest.mark.slow
def test_import_costs_no_more_than_what_it_needs() -> None:
    def cost(before: str, timed: str) -> float:
        return min(float(python(COST.format(before=before, timed=timed))) for _ in range(REPEATS))

    own = cost(NEEDED, "import sureflow_client")
    assert own < cost("", NEEDED)


def test_types_are_shipped() -> None:
    assert (PACKAGE / "sureflow_client" / "py.typed").is_file()
