"""Folders of models that nobody can load."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.hostile.request import Request
from benchmarks.hostile.sending import Outcome, send
from benchmarks.hostile.target import Target

WEIGHTS, CONFIG = "model.safetensors", "config.json"
LEAVES = "leaves"
TIMES = 5


def _filled(path: Path, *values: float) -> None:
    chance, tensors = np.random.default_rng(1), load_file(path)
    save_file({n: chance.choice(values, z.shape).astype(z.dtype) for n, z in tensors.items()}, path)


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _zero(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _endless(path: Path) -> None:
    os.truncate(path, 1 << 40)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


BROKEN: dict[str, tuple[str, Callable[[Path], None]]] = {
    "nan": (WEIGHTS, lambda path: _filled(path, np.nan)),
    "huge": (WEIGHTS, lambda path: _filled(path, -3e38, 3e38)),
    "fifo": (CONFIG, _fifo),
    "fifo-weights": (WEIGHTS, _fifo),
    "zero": (CONFIG, _zero),
    "zero-weights": (WEIGHTS, _zero),
    "endless": (CONFIG, _endless),
    "endless-weights": (WEIGHTS, _endless),
    "cut": (WEIGHTS, _cut),
    "cut-config": (CONFIG, _cut),
}
"""Copies of ``ring`` by name: which file is spoilt, and how."""


def break_folders(models: Path) -> None:
    """Put them beside ``ring``, and one that is sound and can be removed."""
    for name in (*BROKEN, LEAVES):
        _copy(models, name)
    for name, (file, spoil) in BROKEN.items():
        spoil(models / name / file)


def broken(target: Target) -> Outcome:
    """Load each of them; ask for samples of each; remove one while it is loaded."""
    with target.client() as client:
        outcome = send(client, [_load(name) for name in BROKEN]).expect(404, 409, 422, 429, 503)
        asked = [_generate(name) for name in BROKEN]
        outcome.add(send(client, asked).expect(404, 409, 422, 503))
        for _ in range(TIMES):
            outcome.add(_removed(target))
        return outcome


def _removed(target: Target) -> Outcome:
    """Remove a folder a moment after its load has begun; ``ring`` is served all the same."""
    if not (target.models / LEAVES).exists():
        _copy(target.models, LEAVES)
    outcome = Outcome()

    def load() -> None:
        with target.client() as own:
            outcome.add(send(own, [_load(LEAVES)]))

    thread = Thread(target=load)
    thread.start()
    time.sleep(0.05)
    shutil.rmtree(target.models / LEAVES)
    thread.join()
    with target.client() as own:
        outcome.add(send(own, [_generate("ring")]).expect(200))
    return outcome


def _copy(models: Path, name: str) -> None:
    folder = shutil.copytree(models / "ring", models / name)
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, "name": name}))


def _load(name: str) -> Request:
    return Request("POST", f"/v1/models/{name}/load", route="/v1/models/{name}/load", changed=name)


def _generate(name: str) -> Request:
    body = json.dumps({"model": name, "n": 1}).encode()
    return Request("POST", "/v1/generate", body, route="/v1/generate", changed=name)
