from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "module",
    [
        "cli",
        "serve",
        "app",
        "engine.pool",
        "engine.worker",
        "store.open",
        "store.shared",
        "replicas.replica",
    ],
)
def test_the_api_process_never_imports_torch(module: str) -> None:
    code = f"import sys, sureflow_server.{module}; sys.exit('torch' in sys.modules)"
    path = f"{ROOT / 'models'}:{ROOT / 'server'}"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path})
    assert done.returncode == 0


def test_a_running_server_has_not_imported_it_either(server: object) -> None:
    from tests.server.running import Server

    assert isinstance(server, Server)
    mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "torch" not in mapped
    assert "torch" in Path(f"/proc/{server.worker_pid}/maps").read_text()
