from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


MODULES = [
    f"sureflow_server.{name}"
    for name in (
        *("cli", "serve", "app", "engine.pool", "engine.worker"),
        *("store.open", "store.shared", "replicas.replica"),
    )
]
LOADED = f"""
import sys
from importlib import import_module
for name in {MODULES}:
    import_module(name)
    if "torch" in sys.modules:
        sys.exit(name)
"""


def test_the_api_process_never_imports_torch() -> None:
    path = f"{ROOT / 'models'}:{ROOT / 'server'}"
    done = subprocess.run(
        [sys.executable, "-c", LOADED], env={"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_running_server_has_not_imported_it_either(server: object) -> None:
    from tests.server.running import Server

    assert isinstance(server, Server)
    mapped = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "torch" not in mapped
    assert "torch" in Path(f"/proc/{server.worker_pid}/maps").read_text()
