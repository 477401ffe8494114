from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_what_it_serves_ends_with_the_most_and_the_least_confident_samples(tmp_path: Path) -> None:
    example = ROOT / "examples" / "bring_your_own.py"
    command = [sys.executable, str(example), "--steps", "400", "--out", str(tmp_path)]
    command += ["--picture", str(tmp_path / "moons.png")]
    paths = [ROOT / "models", ROOT / "server", ROOT / "clients" / "python"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if " sure " in line]
    assert [row[0] for row in rows] == ["most"] * 3 + ["least"] * 3
    confidence = [float(row[-1]) for row in rows]
    assert confidence == sorted(confidence, reverse=True)
    assert confidence[0] > 0.9
    assert confidence[-1] < 0.1
    far = done.stdout.partition("mean distance to the moons:")[2]
    surest, whole, last = (float(number) for number in re.findall(r"\d+\.\d+", far))
    assert surest < whole < last
    with Image.open(tmp_path / "moons.png") as picture:
        assert picture.size == (600, 360)
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 100
    assert f"wrote {tmp_path / 'moons'}, served at http://127.0.0.1:" in done.stdout
    names = {path.name for path in (tmp_path / "moons").iterdir()}
    assert names == {"config.json", "model.safetensors", "calibration.safetensors"}
