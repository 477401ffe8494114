"""The second environment, for peers that cannot live with our pinned versions.

It holds such a peer with its own dependencies and, behind them on the path, everything of the
environment that runs the benchmark: torch is neither copied nor changed.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv-peers"
REQUIREMENTS = Path(__file__).with_name("peers") / "bento.txt"


def python() -> Path:
    """The interpreter of the second environment, which is made on first use."""
    interpreter = FOLDER / "bin" / "python"
    ready = FOLDER / REQUIREMENTS.name
    if not ready.exists() or ready.read_bytes() != REQUIREMENTS.read_bytes():
        print(f"installing {REQUIREMENTS} into {FOLDER}", file=sys.stderr, flush=True)
        venv.create(FOLDER, clear=True, with_pip=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)]
        subprocess.run(install, check=True)
        (_site(interpreter) / "sureflow-benchmark.pth").write_text(sysconfig.get_path("purelib"))
        ready.write_bytes(REQUIREMENTS.read_bytes())
    return interpreter


def _site(interpreter: Path) -> Path:
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([interpreter, "-c", question], check=True, capture_output=True)
    return Path(answer.stdout.decode().strip())
