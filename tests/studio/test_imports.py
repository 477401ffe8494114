"""The studio stands on the client alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BARRED = ("torch", "sureflow", "sureflow_server", "matplotlib")
PROBE = f"""
import sys
import sureflow_studio.app
print(sureflow_studio.__file__)
print([name for name in {BARRED} if name in sys.modules])
"""


def test_it_needs_neither_torch_nor_the_server() -> None:
    path = os.pathsep.join([str(ROOT / "clients" / "python"), str(ROOT / "clients" / "studio")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    file, loaded = done.stdout.splitlines()
    assert Path(file).parent == ROOT / "clients" / "studio" / "sureflow_studio"
    assert loaded == "[]"


def test_its_files_and_types_are_shipped() -> None:
    package = ROOT / "clients" / "studio" / "sureflow_studio"
    assert {"py.typed", "studio.css", "arrows.js"} <= {path.name for path in package.iterdir()}
