import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_command_measures_and_writes_everything(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.serving", "--quick", "--loads", "0.5", "1.2"]
    command += ["--peers", "sureflow", "threads", "--json", str(out), "--docs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    record = json.loads(out.read_text())
    servers = {point["server"] for point in record["points"]}
    assert servers == {"sureflow", "FastAPI threads"}
    assert all(point["wrong"] == 0 for point in record["points"])
    assert all(point["requests"] > 0 for point in record["points"])
    page = (tmp_path / "serving.md").read_text()
    for label in record["claims"]:
        assert label in done.stdout
        assert label in page
    for picture in ("serving-latency.png", "serving-goodput.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
        assert picture in page
