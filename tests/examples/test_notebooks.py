"""The notebooks run from their first cell to their last, and show what they are there to show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import Server

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))

EXECUTE = """
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""
"""In a process of its own, since it starts an event loop."""

Cells = list[dict[str, Any]]


def cells(path: Path) -> Cells:
    """Those with code."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def executed(path: Path, folder: Path, url: str) -> Cells:
    """What a notebook shows after all of it was run."""
    done = folder / path.name
    packages = ("models", "server", "clients/python")
    environment = {
        **os.environ,
        "SUREFLOW_URL": url,
        "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in packages),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    command = [sys.executable, "-c", EXECUTE, str(path), str(done)]
    ran = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return cells(done)


def shown(cell: dict[str, Any]) -> dict[str, str]:
    """What a cell printed (``text``), and what it shows by media type."""
    found: dict[str, str] = {}
    for output in cell["outputs"]:
        data = output.get("data") or {"text": output.get("text", "")}
        for kind, value in data.items():
            found[kind] = found.get(kind, "") + "".join(value)
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_has_no_outputs(path: Path) -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells(path))
    assert path.stat().st_size < 20_000


@pytest.mark.slow
def test_the_first_hour(tmp_path: Path, embedded: Server) -> None:
    each = [shown(cell) for cell in executed(NOTEBOOKS[0], tmp_path, embedded.url)]
    assert "'fashion'" in each[0]["text/plain"]
    assert each[1]["text/html"].count("<img") == 8
    ranks = [float(line.split()[1]) for line in each[2]["text"].splitlines()]
    assert ranks == sorted(ranks, reverse=True)
    assert [len(picture["image/png"]) > 5_000 for picture in each[3:5]] == [True, True]
    assert each[5]["text"].startswith("6 accepted of")
    assert each[5]["text/html"].count("<img") == 6


@pytest.mark.slow
def test_a_model_of_your_own(tmp_path: Path) -> None:
    each = [shown(cell) for cell in executed(NOTEBOOKS[1], tmp_path, "http://127.0.0.1:9")]
    assert "likelihood is calibrated for" in each[3]["text"]
    assert len(each[4]["image/png"]) > 5_000


@pytest.mark.slow
def test_rewinding(tmp_path: Path, embedded: Server) -> None:
    each = [shown(cell) for cell in executed(NOTEBOOKS[2], tmp_path, embedded.url)]
    assert [each[i]["text/html"].count("<img") for i in (0, 3, 5)] == [6, 5, 5]
    assert "<img" in each[1]["text/html"]
    early, late = (part.split(": ")[1] for part in each[4]["text"].strip().split(", "))
    assert 0 <= float(late) < float(early) < 1, "told late, it stays what it was"


def test_there_are_these() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["first_hour", "own_model", "rewinding"]
