"""The client stands alone: it needs neither torch nor the server's code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "clients" / "python"
PROBE = """
import sys
import sureflow_client
print(sureflow_client.__file__)
print([name for name in ("torch", "sureflow", "sureflow_server") if name in sys.modules])
"""


def test_import_loads_no_torch_and_no_server_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=True,
    )
    file, loaded = done.stdout.splitlines()
    assert Path(file).parent == PACKAGE / "sureflow_client"
    assert loaded == "[]"


def test_types_are_shipped() -> None:
    assert (PACKAGE / "sureflow_client" / "py.typed").is_file()
